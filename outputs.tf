output "function_name" {
  description = "Name of the function, to invoke it by hand."
  value       = aws_lambda_function.backup.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.backup.arn
}

output "role_name" {
  description = "Name of the run role."
  value       = aws_iam_role.run.name
}

output "role_arn" {
  description = "ARN of the run role."
  value       = aws_iam_role.run.arn
}

output "role_policy" {
  description = "All that the run role may do, as the JSON text of its policy."
  value       = aws_iam_role_policy.run.policy
}

output "deployment" {
  description = "All that a run is told, as JSON text: in a file, `ebs-backup plan --deployment FILE` shows what one would do."
  value       = local.deployment
}

output "retention" {
  description = "What becomes of older snapshots, in plain English, as the runs' reports say it too."
  value       = local.retention
}

output "state_machine_arn" {
  description = "ARN of the state machine, to start a run by hand; null unless engine is step_functions."
  value       = one(aws_sfn_state_machine.workflow[*].arn)
}

output "executions_url" {
  description = "Page of the AWS console that lists the state machine's executions; null unless engine is step_functions."
  value       = local.executions_url
}

output "rule_name" {
  description = "Name of the EventBridge rule that is the schedule."
  value       = aws_cloudwatch_event_rule.schedule.name
}

output "rule_arn" {
  description = "ARN of the EventBridge rule that is the schedule."
  value       = aws_cloudwatch_event_rule.schedule.arn
}

output "log_group_name" {
  description = "Name of the log group that holds the runs' logs and reports."
  value       = aws_cloudwatch_log_group.backup.name
}

output "bucket_name" {
  description = "Name of the bucket that holds the function's package and the runs' reports."
  value       = aws_s3_object.package.bucket
}

output "report_prefix" {
  description = "Beginning of the keys of the runs' reports in the bucket: `aws s3 ls --recursive s3://<bucket_name>/<report_prefix>`."
  value       = local.report_prefix
}

output "rounds_prefix" {
  description = "Beginning of the keys of what a run of the state machine keeps in the bucket while it lasts, and nobody needs a week later."
  value       = local.rounds_prefix
}

output "reports_url" {
  description = "Page of the AWS console that lists the runs' reports."
  value       = local.reports_url
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = sort(concat([for alarm in aws_cloudwatch_metric_alarm.fault : alarm.alarm_name], aws_cloudwatch_metric_alarm.no_run[*].alarm_name))
}

output "topic_arn" {
  description = "ARN of the topic that mails the alarms to notification_emails; null without any."
  value       = one(aws_sns_topic.alarms[*].arn)
}

output "dashboard_name" {
  description = "Name of the dashboard; null unless dashboard_enabled."
  value       = one(aws_cloudwatch_dashboard.backup[*].dashboard_name)
}

output "undelivered_queue_arn" {
  description = "ARN of the queue of events that EventBridge could not deliver."
  value       = aws_sqs_queue.undelivered.arn
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that EventBridge could not deliver."
  value       = aws_sqs_queue.undelivered.url
}

output "failed_runs_queue_arn" {
  description = "ARN of the queue of runs that failed for good."
  value       = aws_sqs_queue.failed_runs.arn
}

output "failed_runs_queue_url" {
  description = "URL of the queue of runs that failed for good."
  value       = aws_sqs_queue.failed_runs.url
}

output "snapshot_filter" {
  description = "Filter that lists this deployment's snapshots in a region: `aws ec2 describe-snapshots --owner-ids self --filters <snapshot_filter>`."
  value       = "Name=tag:${var.tag_prefix}Policy,Values=${var.name}"
}
