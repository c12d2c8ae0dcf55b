# What tells people: queues of what is left of a failure, alarms that say what to do, and the topic that mails them.

# What is left of a failure, for 14 days: events that started no run, and runs that failed for good.

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

# That Lambda and the state machine may send to this one is in their roles' own policies.
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

# Alarms. Each watches one metric and no formula, so that nothing depends on what a formula makes of a metric that has
# never had a value. Where one cannot see a failure, another does: a record that reaches neither queue leaves a run
# missing or its volumes uncovered, and so does an execution that fails without telling the queue.

locals {
  receive = "aws sqs receive-message --region ${local.region} --queue-url"
  manual  = "see \"docs/operations.md\" of the module"

  # What is wrong as soon as it is above zero.
  faults = {
    failed-runs = {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.failed_runs.name }
      if_missing  = "notBreaching" # an empty queue has no metric for long
      description = <<-EOT
        In ALARM: a run of ${var.name} failed for good or never began, so that some volumes may lack their new snapshot.
        Read first why, in responsePayload.errorMessage or, without one, in requestContext.condition of: ${local.receive} ${aws_sqs_queue.failed_runs.url}
        Then remove the cause, repeat the run and delete the message: ${local.manual}, "A run failed". The alarm ends with the last message; until then it tells of no further one.
      EOT
    }
    undelivered = {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.undelivered.name }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: a scheduled event could not be delivered to ${var.name}, at all or within six hours: that run did not take place.
        Read first why, in the attributes ERROR_CODE and ERROR_MESSAGE of: ${local.receive} ${aws_sqs_queue.undelivered.url} --message-attribute-names All
        Then remove the cause, make the run up and delete the message: ${local.manual}, "An event was not delivered". The alarm ends with the last message; until then it tells of no further one.
      EOT
    }
    uncovered-volumes = {
      namespace   = "EBSBackup"
      metric      = "UncoveredVolumes"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore" # what a run found stays true until the next one looks again
      description = <<-EOT
        In ALARM: at the last run of ${var.name}, volumes had no completed snapshot, by anyone, of the last ${var.recovery_point_objective_hours} hours.
        Read first which ones and why, in the newest report (after a dry run, which leaves none, in the log): ${local.reports_url}
        Then remove the cause and run again: ${local.manual}, "Volumes are not covered". The alarm ends with the first run that finds every volume covered.
      EOT
    }
    timed-out = !local.workflow ? null : {
      namespace   = "AWS/States"
      metric      = "ExecutionsTimedOut"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: a run of ${var.name} had come to no end after ${format("%.1f", local.definition.TimeoutSeconds / 3600)} hours, so that Step Functions ended it. Some volumes may lack their new snapshot, and nothing is in the queue of failed runs.
        Look first which regions it was still in: ${local.executions_url}
        Then remove the cause and repeat the run: ${local.manual}, "A run timed out". The alarm ends by itself.
      EOT
    }
    aborted = !local.workflow ? null : {
      namespace   = "AWS/States"
      metric      = "ExecutionsAborted"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      if_missing  = "notBreaching"
      description = <<-EOT
        In ALARM: a run of ${var.name} was stopped before its end, by hand or by a script. Some volumes may lack their new snapshot, and nothing is in the queue of failed runs.
        Look first which one it was, and in CloudTrail who called StopExecution: ${local.executions_url}
        Then let the run go on: ${local.manual}, "A run was aborted". The alarm ends by itself.
      EOT
    }
    deletion-brake = length(var.retention) == 0 ? null : {
      namespace   = "EBSBackup"
      metric      = "DeletionBrake"
      dimensions  = { Policy = var.name }
      if_missing  = "ignore"
      description = <<-EOT
        In ALARM: a run of ${var.name} was to delete more snapshots in a region than max_deletions_per_run or max_deletions_percent allows, so it deleted none there. Backups were made all the same.
        Read first what it would delete and why: aws lambda invoke --region ${local.region} --function-name ${var.name} --cli-read-timeout 0 --cli-binary-format raw-in-base64-out --payload '{"dry_run": true}' /dev/stdout
        Then correct retention, or raise the limit if all of it may go: ${local.manual}, "The deletion brake holds".
      EOT
    }
  }
  alarm_actions = concat(tolist(var.alarm_actions), aws_sns_topic.alarms[*].arn)
}

# Over as much time as a run may take: Lambda and CloudWatch Logs hand metrics in late, under the time they are of.
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

# A run counts by what it tells at its end: not by a mere invocation, which may have been of one region, a dry run, or
# the attempt of a function that cannot even start. Only where every run is a dry one do dry runs count.
#
# Of hours, not of one long period: CloudWatch looks a few periods further back than it is told to, and takes what it
# finds there for a sign of life. It looks back 7 days at most.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
resource "aws_cloudwatch_metric_alarm" "no_run" {
  count = var.schedule_enabled && var.recovery_point_objective_hours <= 168 ? 1 : 0

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
    In ALARM: ${var.name} has made no run for ${ceil(var.recovery_point_objective_hours)} hours: no volume has a new snapshot. Right after the first apply this only means that the first run is still to come.
    Look first whether the schedule is there and ENABLED: aws events describe-rule --region ${local.region} --name ${aws_cloudwatch_event_rule.schedule.name}
    Then remove the cause and run by hand: ${local.manual}, "No run took place". The alarm ends with the next run, whatever starts it.
  EOT
  )
}

# The topic

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:encrypted with kms_key_arn if there is one; alarms cannot publish to a topic under the key of AWS for SNS, and without any SNS still encrypts its disks

  count = length(var.notification_emails) == 0 ? 0 : 1

  name              = "${var.name}-alarms"
  display_name      = var.name
  kms_master_key_id = var.kms_key_arn
  tags              = var.tags
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
