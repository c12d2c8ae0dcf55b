# The machine, top to bottom: its package, the function, and the schedule that runs it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id

  # Made of names, not read from resources: a plan then shows all that a run may do before anything exists, and a queue
  # has its policy from the start.
  function_arn     = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"
  log_group_arn    = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.name}"
  bucket           = var.bucket == null ? "${var.name}-${local.account}" : var.bucket
  bucket_arn       = "arn:${local.partition}:s3:::${local.bucket}"
  report_prefix    = "${var.name}/reports/"
  rounds_prefix    = "${var.name}/rounds/"
  undelivered_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-undelivered"
  failed_runs_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-failed-runs"
  alarm_arn_prefix = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-"

  deployment = jsonencode(merge(local.what_to_do, local.workflow ? { rounds_prefix = local.rounds_prefix } : {}))
  what_to_do = {
    name                           = var.name
    tag_prefix                     = var.tag_prefix
    regions                        = var.regions
    exclude_regions                = var.exclude_regions
    expected_denied_regions        = var.expected_denied_regions
    include_tags                   = var.include_tags
    exclude_tags                   = var.exclude_tags
    multi_volume_snapshots         = var.multi_volume_snapshots
    copy_volume_tags               = var.copy_volume_tags
    snapshot_tags                  = var.snapshot_tags
    retention                      = var.retention
    max_deletions_per_run          = var.max_deletions_per_run
    max_deletions_percent          = var.max_deletions_percent
    orphan_retention_days          = var.orphan_retention_days
    recovery_point_objective_hours = var.recovery_point_objective_hours
    report_bucket                  = local.bucket
    report_prefix                  = local.report_prefix
    dry_run                        = var.dry_run
    request_rates                  = var.request_rates
    request_bursts                 = var.request_bursts
  }
  environment = { POLICY = local.deployment }

  retention_counts = [
    for rule in ["last", "hourly", "daily", "weekly", "monthly", "yearly"] : "${var.retention[rule]} ${rule}"
    if lookup(var.retention, rule, 0) > 0
  ]
  # The very words of the runs' reports.
  retention = "keep ${coalesce(join(", ", local.retention_counts), "every snapshot")}"

  # Lambda measures the environment as JSON text, in bytes; length() would count characters.
  environment_base64 = base64encode(jsonencode(local.environment))
  environment_bytes  = length(local.environment_base64) / 4 * 3 - length(regexall("=", local.environment_base64))
}

# The package

module "package" {
  source = "./modules/zip"

  files = { for name in fileset("${path.module}/function", "**/*.py") : name => file("${path.module}/function/${name}") }
}

resource "aws_s3_object" "package" {
  bucket         = var.bucket == null ? aws_s3_bucket.own[0].bucket : var.bucket
  key            = "${var.name}/${module.package.sha256}.zip"
  content_base64 = sensitive(module.package.base64) # no secret, but no reading either: this keeps it out of the plan
  content_type   = "application/zip"
  kms_key_id     = var.kms_key_arn

  # An object takes ten tags, and the provider's default tags may be more.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# The function

resource "aws_cloudwatch_log_group" "backup" {
  #checkov:skip=CKV_AWS_338:what is to be kept for a year or more is in the run reports, and log_retention_in_days is the user's choice

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "backup" {
  #checkov:skip=CKV_AWS_50:one function without callees, whose reports and metrics hold the duration and every API call
  #checkov:skip=CKV_AWS_116:a run that failed for good goes to the queue of the event invoke config, which takes the reason along as a dead-letter queue would not
  #checkov:skip=CKV_AWS_117:it talks to nothing but AWS APIs in every region, and in a VPC would need an endpoint in each
  #checkov:skip=CKV_AWS_272:the package is made of this module's own sources by the very apply that deploys it, so that nothing in between could be signed

  function_name = var.name
  description   = "Backs up the in-use EBS volumes of the account."
  role          = aws_iam_role.run.arn

  s3_bucket     = aws_s3_object.package.bucket
  s3_key        = aws_s3_object.package.key
  handler       = "ebs_backup.handler.lambda_handler"
  runtime       = "python3.13"
  architectures = [var.architecture]

  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrent_executions

  kms_key_arn = var.kms_key_arn
  tags        = var.tags

  environment {
    variables = local.environment
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.backup.name
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  lifecycle {
    precondition {
      condition     = local.environment_bytes <= 4096
      error_message = "The regions and tags given make an environment of ${local.environment_bytes} bytes, and Lambda takes at most 4096: name fewer or shorter ones."
    }
  }

  depends_on = [aws_iam_role_policy.run]
}

# A run is safe to repeat, since it first looks at what is there already; so a failed one is tried twice more. This is for
# the events of the schedule, and with either engine for whoever invokes the function without waiting for its answer.
resource "aws_lambda_function_event_invoke_config" "backup" {
  function_name                = aws_lambda_function.backup.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_runs.arn
    }
  }
}

# The schedule

resource "aws_cloudwatch_event_rule" "schedule" {
  name                = var.name
  description         = "Runs ${var.name}, which backs up the EBS volumes of the account."
  schedule_expression = var.schedule_expression
  state               = var.schedule_enabled ? "ENABLED" : "DISABLED"
  tags                = var.tags
}

resource "aws_lambda_permission" "schedule" {
  count = local.workflow ? 0 : 1

  statement_id  = "AllowSchedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.backup.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule.arn
}

resource "aws_cloudwatch_event_target" "schedule" {
  rule      = aws_cloudwatch_event_rule.schedule.name
  target_id = "backup"
  arn       = local.workflow ? aws_sfn_state_machine.workflow[0].arn : aws_lambda_function.backup.arn
  role_arn  = one(aws_iam_role.schedule[*].arn)

  retry_policy {
    maximum_retry_attempts       = 185
    maximum_event_age_in_seconds = 21600
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  # With its target the schedule begins to run, so whatever a run or its failure needs comes first.
  depends_on = [
    aws_iam_role_policy.schedule,
    aws_lambda_function_event_invoke_config.backup,
    aws_lambda_permission.schedule,
  ]
}
