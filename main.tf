# The function: its deployment settings, its package, itself, and the schedule that starts its runs.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = data.aws_region.current.id
  account    = data.aws_caller_identity.current.account_id

  # These ARNs come from names, not from resources: the first plan then shows every permission, and a queue gets its
  # policy at its creation.
  function_arn     = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"
  log_group_arn    = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.name}"
  bucket           = var.bucket == null ? "${var.name}-${local.account}" : var.bucket
  bucket_arn       = "arn:${local.partition}:s3:::${local.bucket}"
  report_prefix    = "${var.name}/reports/"
  rounds_prefix    = "${var.name}/rounds/"
  undelivered_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-undelivered"
  failed_runs_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-failed-runs"
  alarm_arn_prefix = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-"

  deployment = jsonencode(merge(local.settings, { created_at = aws_iam_role.run.create_date }))
  settings   = merge(local.common_settings, local.confirmation, local.has_state_machine ? local.state_machine_settings : null)
  common_settings = {
    name                           = var.name
    account                        = local.account
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
    deletion_delay_days            = var.deletion_delay_days
    orphan_retention_days          = var.orphan_retention_days
    schedule_expression            = var.schedule_expression
    recovery_point_objective_hours = var.recovery_point_objective_hours
    report_bucket                  = local.bucket
    report_prefix                  = local.report_prefix
    dry_run                        = var.dry_run
    request_rates                  = var.request_rates
    request_bursts                 = var.request_bursts
  }
  confirmation           = var.confirmed_retention == null ? {} : { confirmed_retention = var.confirmed_retention }
  state_machine_settings = { rounds_prefix = local.rounds_prefix, max_rounds = local.max_rounds, max_run_seconds = local.execution_timeout_seconds }

  # Lambda limits the bytes of the environment as JSON text. length() would count characters. The first plan does not know
  # when the role is created, but how long that time is as text.
  largest_deployment = jsonencode(merge(local.settings, { created_at = "2026-01-01T00:00:00Z" }))
  environment_base64 = base64encode(jsonencode({ POLICY = local.largest_deployment }))
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
  content_base64 = sensitive(module.package.base64) # keeps the archive out of the plan; it is no secret
  content_type   = "application/zip"
  kms_key_id     = var.kms_key_arn

  checksum_algorithm = "SHA256" # the same hash as Lambda's of the function's code

  # An object takes ten tags, and the provider may have more default tags.
  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# The upload as it was. Somebody may replace the object later, and its checksum with it.
resource "terraform_data" "upload" {
  triggers_replace = [aws_s3_object.package.bucket, aws_s3_object.package.key, var.architecture]
  input            = { planned_at = plantimestamp(), checksum = aws_s3_object.package.checksum_sha256 }

  lifecycle {
    ignore_changes = [input]
  }
}

# The function, the bucket and the record of the upload must agree. Whoever replaces both the function's code and the
# package, even with a checksum, still contradicts the record.
#
# The plan of an upload does not know the checksums yet. An unknown check would be a warning, and an error in
# `terraform test`.
check "code" {
  assert {
    condition = terraform_data.upload.input.planned_at == plantimestamp() ? true : (
      aws_lambda_function.backup.code_sha256 == terraform_data.upload.input.checksum
      && aws_s3_object.package.checksum_sha256 == terraform_data.upload.input.checksum
    )
    error_message = "Somebody has replaced the code of ${var.name} outside of Terraform, in the function or in its bucket. Look first who, in CloudTrail under UpdateFunctionCode and PutObject. Then put the package back: ${local.manual}, \"The code was replaced\"."
  }
}

# The function

resource "aws_cloudwatch_log_group" "backup" {
  #checkov:skip=CKV_AWS_338:the run reports hold the facts of a year, and log_retention_in_days is the user's choice

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "backup" {
  #checkov:skip=CKV_AWS_50:the function calls no other function, and its reports and metrics hold the duration and every API call
  #checkov:skip=CKV_AWS_116:the event invoke config sends a failed run to a queue, with the reason, which a dead-letter queue would lack
  #checkov:skip=CKV_AWS_117:the function calls AWS APIs in every region, and in a VPC it would need an endpoint for each region
  #checkov:skip=CKV_AWS_272:the same apply makes the package from this module's sources and deploys it, so no step is left for a signature

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
    variables = { POLICY = local.deployment }
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

# Lambda retries a failed run twice. A retry is safe, because a run first looks for the snapshots that it has made already.
# This applies to every asynchronous invocation: by the schedule or by hand.
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
  count = local.has_state_machine ? 0 : 1

  statement_id  = "AllowSchedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.backup.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule.arn
}

resource "aws_cloudwatch_event_target" "schedule" {
  rule      = aws_cloudwatch_event_rule.schedule.name
  target_id = "backup"
  arn       = local.has_state_machine ? aws_sfn_state_machine.backup[0].arn : aws_lambda_function.backup.arn
  role_arn  = one(aws_iam_role.schedule[*].arn)

  retry_policy {
    maximum_retry_attempts       = 185
    maximum_event_age_in_seconds = 21600
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  # The schedule starts runs as soon as it has a target, so everything that a run or its failure needs comes first.
  depends_on = [
    aws_iam_role_policy.schedule,
    aws_lambda_function_event_invoke_config.backup,
    aws_lambda_permission.schedule,
  ]
}
