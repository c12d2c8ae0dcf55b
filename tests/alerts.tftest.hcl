# Who is told of what, and what they are told.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
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

run "by_default_alarms_watch_and_nobody_is_notified" {
  command = plan

  assert {
    condition     = output.alarm_names == tolist(["ebs-backup-failed-runs", "ebs-backup-no-run", "ebs-backup-uncovered-volumes", "ebs-backup-undelivered"])
    error_message = "There is an alarm for each thing that can go wrong without retention."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.fault), aws_cloudwatch_metric_alarm.no_run) :
      length(alarm.alarm_actions) == 0 && length(alarm.ok_actions) == 0
    ])
    error_message = "Nobody is notified whom nobody named."
  }

  assert {
    condition     = length(aws_sns_topic.alarms) + length(aws_sns_topic_subscription.alarms) + length(aws_cloudwatch_dashboard.backup) == 0
    error_message = "There is neither topic nor dashboard."
  }

  assert {
    condition     = output.topic_arn == null && output.dashboard_name == null
    error_message = "The outputs say so."
  }
}

run "a_run_that_failed_for_good_is_seen_in_its_queue" {
  command = plan

  assert {
    condition = {
      of = [
        aws_cloudwatch_metric_alarm.fault["failed-runs"].namespace,
        aws_cloudwatch_metric_alarm.fault["failed-runs"].metric_name,
        aws_cloudwatch_metric_alarm.fault["failed-runs"].dimensions["QueueName"],
        aws_cloudwatch_metric_alarm.fault["failed-runs"].treat_missing_data,
      ]
      } == {
      of = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "ebs-backup-failed-runs", "notBreaching"]
    }
    error_message = "A message in the queue of failed runs is an alarm until it is gone."
  }
}

run "an_event_that_was_not_delivered_is_seen_in_its_queue" {
  command = plan

  assert {
    condition = {
      of = [
        aws_cloudwatch_metric_alarm.fault["undelivered"].namespace,
        aws_cloudwatch_metric_alarm.fault["undelivered"].metric_name,
        aws_cloudwatch_metric_alarm.fault["undelivered"].dimensions["QueueName"],
        aws_cloudwatch_metric_alarm.fault["undelivered"].treat_missing_data,
      ]
      } == {
      of = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "ebs-backup-undelivered", "notBreaching"]
    }
    error_message = "A message in the queue of undelivered events is an alarm until it is gone."
  }
}

run "what_a_run_measured_holds_until_the_next_one_measures" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = {
      for key in ["uncovered-volumes", "deletion-brake"] : key => [
        aws_cloudwatch_metric_alarm.fault[key].namespace,
        aws_cloudwatch_metric_alarm.fault[key].metric_name,
        aws_cloudwatch_metric_alarm.fault[key].dimensions["Policy"],
        aws_cloudwatch_metric_alarm.fault[key].treat_missing_data,
      ]
      } == {
      uncovered-volumes = ["EBSBackup", "UncoveredVolumes", "ebs-backup", "ignore"]
      deletion-brake    = ["EBSBackup", "DeletionBrake", "ebs-backup", "ignore"]
    }
    error_message = "A volume without a recent recovery point, and a brake that holds, are alarms."
  }

  assert {
    condition     = contains(output.alarm_names, "ebs-backup-deletion-brake")
    error_message = "With retention there is a brake to watch."
  }
}

run "one_of_anything_wrong_is_enough_in_as_long_as_a_run_may_take" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.fault : alltrue([
        alarm.statistic == "Maximum",
        alarm.comparison_operator == "GreaterThanThreshold",
        alarm.threshold == 0,
        alarm.evaluation_periods == 1,
        alarm.period >= aws_lambda_function.backup.timeout,
      ])
    ])
    error_message = "Each alarm begins with the first fault."
  }
}

run "a_run_that_did_not_take_place_is_missed_after_as_long_as_the_objective" {
  command = plan

  assert {
    condition = {
      namespace    = aws_cloudwatch_metric_alarm.no_run[0].namespace
      metric       = aws_cloudwatch_metric_alarm.no_run[0].metric_name
      dimensions   = aws_cloudwatch_metric_alarm.no_run[0].dimensions
      statistic    = aws_cloudwatch_metric_alarm.no_run[0].statistic
      operator     = aws_cloudwatch_metric_alarm.no_run[0].comparison_operator
      threshold    = aws_cloudwatch_metric_alarm.no_run[0].threshold
      missing      = aws_cloudwatch_metric_alarm.no_run[0].treat_missing_data
      of_an_hour   = aws_cloudwatch_metric_alarm.no_run[0].period
      hours_missed = aws_cloudwatch_metric_alarm.no_run[0].evaluation_periods
      } == {
      namespace    = "EBSBackup"
      metric       = "RunDuration"
      dimensions   = tomap({ Policy = "ebs-backup" })
      statistic    = "SampleCount"
      operator     = "LessThanThreshold"
      threshold    = 1
      missing      = "breaching"
      of_an_hour   = 3600
      hours_missed = 26
    }
    error_message = "26 hours without a run are an alarm, whether CloudWatch has data of them or not."
  }
}

run "where_every_run_is_a_dry_one_dry_runs_count" {
  command = plan

  variables {
    dry_run = true
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_run[0].metric_name == "ResourcesTargeted"
    error_message = "A dry run tells what it measured, and not how long it took."
  }
}

run "an_hour_begun_counts" {
  command = plan

  variables {
    schedule_expression            = "rate(30 minutes)"
    recovery_point_objective_hours = 1.5
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_run[0].evaluation_periods == 2
    error_message = "The time looked back at is whole hours, and no less than the objective."
  }
}

run "a_week_is_as_far_as_cloudwatch_looks_back" {
  command = plan

  variables {
    recovery_point_objective_hours = 168
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_run[0].evaluation_periods * aws_cloudwatch_metric_alarm.no_run[0].period == 7 * 24 * 3600
    error_message = "A week can still be watched."
  }
}

run "what_cloudwatch_could_not_watch_has_no_alarm" {
  command = plan

  variables {
    recovery_point_objective_hours = 169
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_run) == 0
    error_message = "There is no alarm that could only be wrong."
  }
}

run "a_schedule_that_is_off_misses_no_run" {
  command = plan

  variables {
    schedule_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.no_run) == 0 && length(aws_cloudwatch_metric_alarm.fault) == 3
    error_message = "Only the alarm about missing runs goes with the schedule."
  }
}

run "an_alarm_says_what_is_wrong_and_what_to_do_first" {
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
    error_message = "Each description names the deployment, a first step that can be copied, and where to read on."
  }

  assert {
    condition = alltrue([
      for key in ["failed-runs", "undelivered"] :
      strcontains(aws_cloudwatch_metric_alarm.fault[key].alarm_description, "aws sqs receive-message --region eu-west-1 --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-${key}")
    ])
    error_message = "The first steps are about this deployment's queues."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.fault["uncovered-volumes"].alarm_description, " of the last 26 hours.")
    error_message = "The objective is said."
  }
}

run "an_alarm_says_it_in_as_many_words_as_cloudwatch_takes" {
  command = plan

  variables {
    name                           = join("", [for character in range(36) : "n"])
    bucket                         = join("", [for character in range(63) : "b"])
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
    error_message = "The longest names fit too."
  }
}

run "people_are_mailed_and_machines_are_called_when_an_alarm_begins_and_ends" {
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
    error_message = "Each alarm notifies the topic and what else was named."
  }

  assert {
    condition = {
      for subscription in aws_sns_topic_subscription.alarms : subscription.endpoint => [subscription.protocol, subscription.topic_arn]
      } == {
      "backup@example.com" = ["email", "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms"]
      "cloud@example.com"  = ["email", "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms"]
    }
    error_message = "Each address is subscribed, as text that a person reads."
  }

  assert {
    condition     = output.topic_arn == "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms" && aws_sns_topic.alarms[0].tags == tomap({ Team = "platform" })
    error_message = "The topic can be subscribed to by others."
  }
}

run "the_topic_takes_messages_of_this_deployments_alarms_over_tls" {
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
    error_message = "Alarms of this account and deployment may publish, and only over TLS."
  }

  assert {
    condition     = alltrue([for name in output.alarm_names : startswith(name, "ebs-backup-")])
    error_message = "The alarms' names are those that the policy admits."
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == null
    error_message = "Without a key of the account's own there is none through which alarms could publish."
  }
}

run "a_key_encrypts_the_topic_too" {
  command = plan

  variables {
    notification_emails = ["backup@example.com"]
    kms_key_arn         = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = aws_sns_topic.alarms[0].kms_master_key_id == var.kms_key_arn
    error_message = "The topic is encrypted with the account's own key."
  }
}

run "the_dashboard_is_there_if_wanted" {
  command = plan

  variables {
    dashboard_enabled              = true
    recovery_point_objective_hours = 30
    timeout                        = 600
  }

  assert {
    condition     = output.dashboard_name == "ebs-backup"
    error_message = "It bears the deployment's name."
  }

  assert {
    condition = alltrue([
      for word in [
        "CoveragePercent", "RecoveryPointAgeMax", "SnapshotsCreateStarted", "SnapshotsCreateFailed", "SnapshotsDeleteCompleted",
        "RunDuration", "ThrottledCalls", "/aws/lambda/ebs-backup",
      ] : strcontains(aws_cloudwatch_dashboard.backup[0].dashboard_body, word)
    ])
    error_message = "Coverage, age, created, failed, deleted, duration, throttles and problems are on it."
  }

  assert {
    condition = flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets :
      try(widget.properties.annotations.horizontal[*], [])
    ]) == [{ label = "objective", value = 30 }, { label = "timeout", value = 600 }]
    error_message = "Age is drawn against the objective, and duration against the timeout."
  }

  assert {
    condition     = strcontains(jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets[0].properties.markdown, output.reports_url)
    error_message = "The reports are one click away."
  }
}

run "consoles_differ_by_partition" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-cn" }
  }

  assert {
    condition     = startswith(output.reports_url, "https://eu-west-1.console.amazonaws.cn/s3/buckets/")
    error_message = "China has a console of its own."
  }
}
