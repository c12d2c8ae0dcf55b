output "function_name" {
  description = "Name of the function, to start a run by hand."
  value       = aws_lambda_function.backup.function_name
}

output "role_arn" {
  description = "ARN of the run role, for key policies and bucket policies that name it."
  value       = aws_iam_role.run.arn
}

output "role_policy" {
  description = "Permissions of the run role, as the JSON text of its policy."
  value       = aws_iam_role_policy.run.policy
}

output "deployment" {
  description = "Settings that the function gets, as JSON text; save it in a file for `ebs-backup plan --deployment FILE`."
  value       = local.deployment
}

output "retention" {
  description = "Retention in words, as the reports show it too."
  value       = local.retention
}

output "retention_code" {
  description = "Code of the present retention; set `confirmed_retention` to it when the deletion brake holds and you want the deletions."
  value       = local.retention_code
}

output "state_machine_arn" {
  description = "ARN of the state machine, to start a run by hand; null unless `engine` is `step_functions`."
  value       = one(aws_sfn_state_machine.backup[*].arn)
}

output "executions_url" {
  description = "Page of the AWS console that lists the executions; null unless `engine` is `step_functions`."
  value       = local.executions_url
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule, to disable it for a while."
  value       = aws_cloudwatch_event_rule.schedule.name
}

output "log_group_name" {
  description = "Name of the function's log group, for `aws logs tail`."
  value       = aws_cloudwatch_log_group.backup.name
}

output "bucket_name" {
  description = "Name of the bucket that holds the function's package and the reports."
  value       = aws_s3_object.package.bucket
}

output "report_prefix" {
  description = "Prefix of the reports' keys: `aws s3 ls --recursive s3://<bucket_name>/<report_prefix>`."
  value       = local.report_prefix
}

output "rounds_prefix" {
  description = "Prefix of the objects that a run with `step_functions` keeps; a lifecycle rule of an existing bucket may expire them after 7 days."
  value       = local.rounds_prefix
}

output "reports_url" {
  description = "Page of the AWS console that lists the reports."
  value       = local.reports_url
}

output "alarm_names" {
  description = "Names of the alarms, for composite alarms or `aws cloudwatch describe-alarms`."
  value       = sort(concat([for alarm in aws_cloudwatch_metric_alarm.fault : alarm.alarm_name], aws_cloudwatch_metric_alarm.no_run[*].alarm_name))
}

output "topic_arn" {
  description = "ARN of the alarms' SNS topic, to subscribe more receivers; null without `notification_emails`."
  value       = one(aws_sns_topic.alarms[*].arn)
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that EventBridge could not deliver."
  value       = aws_sqs_queue.undelivered.url
}

output "failed_runs_queue_url" {
  description = "URL of the queue of failed runs."
  value       = aws_sqs_queue.failed_runs.url
}

output "snapshot_filter" {
  description = "Filter for this deployment's snapshots: `aws ec2 describe-snapshots --owner-ids self --filters <snapshot_filter>`."
  value       = "Name=tag:${var.tag_prefix}Policy,Values=${var.name}"
}
