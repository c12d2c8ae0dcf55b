# Failures: the queues that keep their messages, the alarms that say what to do, and the topic that mails the alarms.

# The queues keep their messages for 14 days: events that started no run, and runs that failed for good.

locals {
  only_tls = {
    Sid       = "OnlyTLS"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowSchedule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.undelivered_arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.schedule.arn } }
      },
      merge(local.only_tls, { Resource = local.undelivered_arn }),
    ]
  })
}

# The policies of the roles let Lambda and the state machine send to this queue.
resource "aws_sqs_queue" "failed_runs" {
  name                      = "${var.name}-failed-runs"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [merge(local.only_tls, { Resource = local.failed_runs_arn })]
  })
}

# Alarms. Each alarm watches one metric without a formula, because a formula depends on metrics that may have no value yet.
# Every failure reaches an alarm. Where a queue cannot take a message, an alarm about the sending service tells of it. No
# alarm watches RunFailed: what fails a run also reaches the queue of failed runs, unless the caller waits for the answer.

locals {
  receive = "aws sqs receive-message --region ${local.region} --queue-url"
  manual  = "see \"docs/operations.md\" of the module"

  # These alarms begin as soon as their metric is above zero.
  faults = {
    failed-runs = {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.failed_runs.name }
      if_missing  = "notBreaching" # SQS sends no metric for a queue that has long been empty
      description = <<-EOT
        In ALARM: a run of ${var.name} failed for good or never began, so some volumes may lack a new snapshot.
        Read first why, in responsePayload.errorMessage or, without one, in requestContext.condition of: ${local.receive} ${aws_sqs_queue.failed_runs.url}
        Then remove the cause, repeat the run and delete the message: ${local.manual}, "A run failed". The alarm ends with the last message. Until then it does not report further messages.
      EOT
    }
    undelivered = {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.undelivered.name }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: EventBridge could not deliver a scheduled event to ${var.name} within six hours, so that run did not take place.
        Read first why, in the attributes ERROR_CODE and ERROR_MESSAGE of: ${local.receive} ${aws_sqs_queue.undelivered.url} --message-attribute-names All
        Then remove the cause, make the run up and delete the message: ${local.manual}, "An event was not delivered". The alarm ends with the last message. Until then it does not report further messages.
      EOT
    }
    uncovered-volumes = {
      namespace   = "EBSBackup"
      metric      = "UncoveredVolumes"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore" # the result of a run is valid until the next run
      description = <<-EOT
        In ALARM: the last run of ${var.name} found volumes without any completed snapshot of the last ${var.recovery_point_objective_hours} hours.
        Read first which volumes and why, in the newest report (a dry run writes its report to the log only): ${local.reports_url}
        Then remove the cause and run again: ${local.manual}, "Volumes are not covered". The alarm ends with the first run that finds a recent snapshot of every volume.
      EOT
    }
    regions-unread = {
      namespace   = "EBSBackup"
      metric      = "RegionsUnread"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore"
      description = <<-EOT
        In ALARM: the last run of ${var.name} could not read every region. Nobody knows what is backed up there, and no other metric counts the volumes there.
        Read first which regions and why, in the newest report (a dry run writes its report to the log only): ${local.reports_url}
        Then remove the cause and run again, or name a region that is denied on purpose in expected_denied_regions: ${local.manual}, "Regions could not be read". The alarm ends with the first run that reads every region.
      EOT
    }
    nothing-selected = {
      namespace   = "EBSBackup"
      metric      = "NothingSelected"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore"
      description = <<-EOT
        In ALARM: the last run of ${var.name} selected no volume at all, so it made no snapshot. An error in include_tags, exclude_tags or regions is the likeliest cause.
        Look first what those settings select, and whether in-use volumes carry these tags: aws ec2 describe-volumes --region ${local.region} --filters Name=status,Values=in-use --query 'Volumes[].[VolumeId, Tags]'
        Then correct the settings and run again: ${local.manual}, "No volume was selected". The alarm ends with the first run that selects a volume.
      EOT
    }
    lost-events = {
      namespace   = "AWS/Events"
      metric      = "InvocationsFailedToBeSentToDlq"
      dimensions  = { RuleName = aws_cloudwatch_event_rule.schedule.name }
      if_missing  = "notBreaching" # EventBridge sends this metric only above zero
      description = <<-EOT
        In ALARM: EventBridge could not deliver a scheduled event to ${var.name}, and the queue of undelivered events did not take it. That run did not take place, and its event is lost.
        Look first whether the queue and its key still let EventBridge in: aws sqs get-queue-attributes --region ${local.region} --queue-url ${aws_sqs_queue.undelivered.url} --attribute-names Policy KmsMasterKeyId
        Then remove the cause and make the run up: ${local.manual}, "A message was lost". The alarm ends by itself.
      EOT
    }
    lost-failures = local.has_state_machine ? null : {
      namespace   = "AWS/Lambda"
      metric      = "DestinationDeliveryFailures"
      dimensions  = { FunctionName = aws_lambda_function.backup.function_name }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: a run of ${var.name} failed for good, and Lambda could not say so in the queue of failed runs. Some volumes may lack a new snapshot.
        Look first whether the queue's key is enabled and lets the run role in: aws sqs get-queue-attributes --region ${local.region} --queue-url ${aws_sqs_queue.failed_runs.url} --attribute-names KmsMasterKeyId
        Then remove the cause and repeat the run: ${local.manual}, "A message was lost". The alarm ends by itself.
      EOT
    }
    failed-executions = !local.has_state_machine ? null : {
      namespace   = "AWS/States"
      metric      = "ExecutionsFailed"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: an execution of ${var.name} failed, so some volumes may lack a new snapshot. The queue of failed runs has a message that says why, unless it was lost.
        Look first which execution it was and where it failed: ${local.executions_url}
        Then remove the cause and repeat the run: ${local.manual}, "A run failed", or "A message was lost" if the queue is empty. The alarm ends by itself.
      EOT
    }
    timed-out = !local.has_state_machine ? null : {
      namespace   = "AWS/States"
      metric      = "ExecutionsTimedOut"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: Step Functions ended a run of ${var.name} after ${format("%.1f", local.execution_timeout_seconds / 3600)} hours. Some volumes may lack a new snapshot, and the queue of failed runs has no message about the run.
        Look first which regions the run was still in: ${local.executions_url}
        Then remove the cause and repeat the run: ${local.manual}, "A run timed out". The alarm ends by itself.
      EOT
    }
    aborted = !local.has_state_machine ? null : {
      namespace   = "AWS/States"
      metric      = "ExecutionsAborted"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: a person or a script stopped a run of ${var.name} before its end. Some volumes may lack a new snapshot, and the queue of failed runs has no message about the run.
        Look first which run it was, and in CloudTrail who called StopExecution: ${local.executions_url}
        Then let the run go on: ${local.manual}, "A run was aborted". The alarm ends by itself.
      EOT
    }
    deletion-brake = length(var.retention) == 0 ? null : {
      namespace   = "EBSBackup"
      metric      = "DeletionBrake"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore"
      description = <<-EOT
        In ALARM: the last run of ${var.name} found snapshots due that were made under settings that keep more. It announced and deleted none of them. It made its new snapshots all the same.
        Read first what a run would announce and why: aws lambda invoke --region ${local.region} --function-name ${var.name} --cli-read-timeout 0 --cli-binary-format raw-in-base64-out --payload '{"dry_run": true}' /dev/stdout
        Then correct retention, or confirm it with confirmed_retention = "${local.retention_code}", which is the output retention_code: ${local.manual}, "The deletion brake holds". The alarm ends with the first run whose brake lets go.
      EOT
    }
  }
  alarm_actions = concat(tolist(var.alarm_actions), aws_sns_topic.alarms[*].arn)
  told          = setunion(var.alarm_actions, var.notification_emails)
}

# The period is as long as an invocation may take: Lambda and CloudWatch Logs send a metric late, with an earlier time.
resource "aws_cloudwatch_metric_alarm" "fault" {
  for_each = { for key, fault in local.faults : key => fault if fault != null }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = trimspace(each.value.description)
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Maximum"
  period              = 900
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = each.value.if_missing
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

# The metric that a run sends at its end counts as a run. An invocation does not: it may be of one region, a dry run, or
# fail at its start. Dry runs count only where the deployment makes no others.
#
# The alarm looks at periods of an hour, not at one long period: CloudWatch also looks at a few earlier periods, and would
# count an old run there. CloudWatch looks back 7 days at most.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
#
# A pause does not remove the alarm: somebody may forget the pause.
resource "aws_cloudwatch_metric_alarm" "no_run" {
  count = var.recovery_point_objective_hours <= 168 ? 1 : 0

  alarm_name          = "${var.name}-no-run"
  namespace           = "EBSBackup"
  metric_name         = var.dry_run ? "ResourcesTargeted" : "RunDuration"
  dimensions          = { Policy = var.name }
  statistic           = "SampleCount"
  period              = 3600
  evaluation_periods  = ceil(var.recovery_point_objective_hours)
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags

  alarm_description = trimspace(<<-EOT
    In ALARM: ${var.name} has made no run for ${ceil(var.recovery_point_objective_hours)} hours, so no volume has a new snapshot. After the first apply this is normal until the first run, and during a pause until its end.
    Look first whether the schedule exists and is ENABLED: aws events describe-rule --region ${local.region} --name ${aws_cloudwatch_event_rule.schedule.name}
    Then remove the cause and run by hand: ${local.manual}, "No run took place". The alarm ends with the next run, scheduled or by hand.
  EOT
  )
}

# The plan that makes the deployment, or takes its last receiver away, warns. A warning in every plan is soon not read.
resource "terraform_data" "told" {
  triggers_replace = length(local.told) > 0
  input            = plantimestamp()

  lifecycle {
    ignore_changes = [input]
  }
}

check "notification" {
  assert {
    condition     = length(local.told) > 0 || terraform_data.told.input != plantimestamp()
    error_message = "Nobody is told when backups of ${var.name} fail. Set notification_emails, or alarm_actions."
  }
}

# The topic

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:a disabled key would silence function, queues and topic at once, SNS encrypts its disks by itself, and the mails are plain text

  count = length(var.notification_emails) == 0 ? 0 : 1

  name         = "${var.name}-alarms"
  display_name = var.name
  tags         = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  count = length(aws_sns_topic.alarms)

  arn = aws_sns_topic.alarms[count.index].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms[count.index].arn
        Condition = { ArnLike = { "aws:SourceArn" = "${local.alarm_arn_prefix}*" } }
      },
      merge(local.only_tls, { Action = "sns:Publish", Resource = aws_sns_topic.alarms[count.index].arn }),
    ]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.notification_emails

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}
