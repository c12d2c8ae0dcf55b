# Which failures begin an alarm, what its text says, and whom it notifies.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
}

override_resource {
  target          = aws_sqs_queue.failed_runs
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-failed-runs"
  }
}

override_resource {
  target          = aws_sqs_queue.undelivered
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-undelivered"
  }
}

run "default_alarms_notify_nobody_and_the_plan_warns" {
  command = plan

  variables {
    alarm_actions = []
  }

  expect_failures = [check.notification]

  assert {
    condition = output.alarm_names == tolist([for key in [
      "failed-runs", "lost-events", "lost-failures", "no-run", "nothing-selected", "regions-unread", "uncovered-volumes", "undelivered",
    ] : "ebs-backup-${key}"])
    error_message = "Each failure without retention has an alarm."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.fault), aws_cloudwatch_metric_alarm.no_run) :
      length(alarm.alarm_actions) == 0 && length(alarm.ok_actions) == 0
    ])
    error_message = "An alarm notifies nobody by default."
  }

  assert {
    condition     = length(aws_sns_topic.alarms) + length(aws_cloudwatch_dashboard.backup) == 0 && output.topic_arn == null
    error_message = "By default the module makes no topic and no dashboard."
  }
}

run "one_failure_begins_an_alarm" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.fault :
      alarm.statistic == "Maximum" && alarm.threshold == 0 && alarm.evaluation_periods == 1 && alarm.period >= aws_lambda_function.backup.timeout
    ])
    error_message = "A period is as long as an invocation, because its metrics have the time of its begin."
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.fault : key => alarm.treat_missing_data } == {
      failed-runs       = "notBreaching"
      undelivered       = "notBreaching"
      lost-events       = "notBreaching"
      lost-failures     = "notBreaching"
      uncovered-volumes = "ignore"
      regions-unread    = "ignore"
      nothing-selected  = "ignore"
      deletion-brake    = "ignore"
    }
    error_message = "An alarm about a run stays until the next run. An alarm about a queue ends with its last message."
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.fault : key => [alarm.namespace, alarm.metric_name, alarm.dimensions] if startswith(key, "lost") } == {
      lost-events   = ["AWS/Events", "InvocationsFailedToBeSentToDlq", tomap({ RuleName = "ebs-backup" })]
      lost-failures = ["AWS/Lambda", "DestinationDeliveryFailures", tomap({ FunctionName = "ebs-backup" })]
    }
    error_message = "A queue that cannot take a message has an alarm about the service that sends it."
  }
}

run "state_machine_has_alarms_of_its_own" {
  command = plan

  variables {
    engine = "step_functions"
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.fault : key => alarm.metric_name if alarm.namespace == "AWS/States" } == {
      timed-out         = "ExecutionsTimedOut"
      aborted           = "ExecutionsAborted"
      failed-executions = "ExecutionsFailed"
    }
    error_message = "Every end of an execution but success has an alarm."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.fault), "lost-failures")
    error_message = "Step Functions, not Lambda, sends failures to the queue."
  }
}

run "missing_run_is_an_alarm_after_the_objective" {
  command = plan

  variables {
    schedule_expression            = "rate(30 minutes)"
    recovery_point_objective_hours = 1.5
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.no_run[0].metric_name == "RunDuration",
      aws_cloudwatch_metric_alarm.no_run[0].treat_missing_data == "breaching",
      aws_cloudwatch_metric_alarm.no_run[0].period == 3600,
      aws_cloudwatch_metric_alarm.no_run[0].evaluation_periods == 2,
    ])
    error_message = "The alarm looks at whole hours, at least as many as the objective has."
  }
}

run "dry_runs_count_where_all_runs_are_dry" {
  command = plan

  variables {
    dry_run = true
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_run[0].metric_name == "ResourcesTargeted"
    error_message = "A dry run sends this metric, and does not send RunDuration."
  }
}

run "week_is_the_longest_time_without_a_run" {
  command = plan

  variables {
    recovery_point_objective_hours = 168
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_run[0].evaluation_periods * aws_cloudwatch_metric_alarm.no_run[0].period == 7 * 24 * 3600
    error_message = "CloudWatch can look back at a week."
  }
}

run "objective_above_a_week_has_no_alarm" {
  command = plan

  variables {
    recovery_point_objective_hours = 169
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_run) == 0
    error_message = "CloudWatch cannot look back further than a week."
  }
}

run "pause_keeps_every_alarm" {
  command = plan

  variables {
    schedule_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_run) == 1 && length(aws_cloudwatch_metric_alarm.fault) == 7
    error_message = "Somebody may forget the pause."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.no_run[0].alarm_description, "during a pause")
    error_message = "The text says that a pause sets the alarm off."
  }
}

run "brake_says_what_confirms" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.fault["deletion-brake"].alarm_description, "confirmed_retention = \"${output.retention_code}\"")
    error_message = "The text has the code to copy."
  }
}

run "alarm_says_what_is_wrong_and_what_to_do" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = alltrue([
      for description in concat(values(aws_cloudwatch_metric_alarm.fault), aws_cloudwatch_metric_alarm.no_run)[*].alarm_description : alltrue([
        strcontains(description, "ebs-backup"),
        can(regex("\n(Read|Look) first [^\n]+: (aws |https://)[^\n]+\n", description)),
        can(regex("\nThen [^\n]+: see \"docs/operations.md\" of the module, \"[A-Z][^\"]+\"", description)),
      ])
    ])
    error_message = "A text names the deployment, a first step to copy, and the section to read."
  }

  assert {
    condition = alltrue([
      for key in ["failed-runs", "undelivered"] :
      strcontains(aws_cloudwatch_metric_alarm.fault[key].alarm_description, "aws sqs receive-message --region eu-west-1 --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-${key}")
    ])
    error_message = "The first step reads this deployment's queue."
  }
}

run "alarm_text_fits_with_the_longest_names" {
  command = plan

  variables {
    name                           = join("", [for character in range(36) : "n"])
    bucket                         = join("", [for character in range(63) : "b"])
    engine                         = "step_functions"
    recovery_point_objective_hours = 166.5
    retention                      = { daily = 7 }
  }

  override_data {
    target          = data.aws_region.current
    override_during = plan
    values          = { id = "ap-southeast-1" }
  }

  override_resource {
    target          = aws_sqs_queue.failed_runs
    override_during = plan
    values = {
      arn = "arn:aws:sqs:ap-southeast-1:111122223333:nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-failed-runs"
      url = "https://sqs.ap-southeast-1.amazonaws.com/111122223333/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-failed-runs"
    }
  }

  override_resource {
    target          = aws_sqs_queue.undelivered
    override_during = plan
    values = {
      arn = "arn:aws:sqs:ap-southeast-1:111122223333:nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-undelivered"
      url = "https://sqs.ap-southeast-1.amazonaws.com/111122223333/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-undelivered"
    }
  }

  assert {
    condition = alltrue([
      for description in concat(values(aws_cloudwatch_metric_alarm.fault), aws_cloudwatch_metric_alarm.no_run)[*].alarm_description : length(description) <= 1024
    ])
    error_message = "CloudWatch takes 1024 characters."
  }
}

run "alarm_notifies_topic_and_actions" {
  command = plan

  variables {
    retention           = { daily = 7 }
    notification_emails = ["backup@example.com", "cloud@example.com"]
    alarm_actions       = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
    tags                = { Team = "platform" }
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.fault), aws_cloudwatch_metric_alarm.no_run) : alltrue([
        alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms", "arn:aws:sns:eu-west-1:111122223333:on-call"]),
        alarm.ok_actions == alarm.alarm_actions,
        alarm.tags == tomap({ Team = "platform" }),
      ])
    ])
    error_message = "An alarm notifies when it begins and when it ends."
  }

  assert {
    condition     = [for subscription in aws_sns_topic_subscription.alarms : [subscription.endpoint, subscription.protocol]] == [["backup@example.com", "email"], ["cloud@example.com", "email"]]
    error_message = "Each address gets a mail."
  }

  assert {
    condition     = output.topic_arn == "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms" && aws_sns_topic.alarms[0].tags == tomap({ Team = "platform" })
    error_message = "Others can subscribe to the topic."
  }
}

run "topic_takes_only_this_deployments_alarms" {
  command = plan

  variables {
    notification_emails = ["backup@example.com"]
  }

  assert {
    condition = jsondecode(aws_sns_topic_policy.alarms[0].policy).Statement == [
      {
        Sid       = "AllowAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms"
        Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:ebs-backup-*" } }
      },
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
    error_message = "Only this account's alarms of this deployment may publish, over TLS."
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == null
    error_message = "Alarms cannot publish to a topic with AWS's own key."
  }
}

run "disabled_key_leaves_the_topic_alone" {
  command = plan

  variables {
    notification_emails = ["backup@example.com"]
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == null
    error_message = "A disabled key silences function and queues, and must not silence the topic too."
  }
}

run "dashboard_shows_limits_and_links" {
  command = plan

  variables {
    dashboard_enabled              = true
    recovery_point_objective_hours = 30
    timeout                        = 600
  }

  assert {
    condition = flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets :
      try(widget.properties.annotations.horizontal[*], [])
    ]) == [{ label = "objective", value = 30 }, { label = "timeout", value = 600 }]
    error_message = "The age has the objective beside it, and the duration the timeout."
  }

  assert {
    condition     = strcontains(jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets[0].properties.markdown, output.reports_url)
    error_message = "The dashboard links to the reports."
  }
}

run "china_has_its_own_console" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-cn" }
  }

  assert {
    condition     = startswith(output.reports_url, "https://eu-west-1.console.amazonaws.cn/s3/buckets/")
    error_message = "The link leads to the console of the partition."
  }
}
