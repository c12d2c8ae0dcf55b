# The Step Functions engine: what comes with it, what goes with it, and what each of its roles may do. Whether the
# definition makes sense is the business of tests/terraform/test_workflow.py.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_iam_role.workflow
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/ebs-backup-workflow" }
}

override_resource {
  target          = aws_iam_role.schedule
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/ebs-backup-schedule" }
}

override_resource {
  target          = aws_sqs_queue.undelivered
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered" }
}

override_resource {
  target          = aws_sqs_queue.failed_runs
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-failed-runs"
  }
}

variables {
  engine = "step_functions"
}

run "by_default_there_is_nothing_of_it" {
  command = plan

  variables {
    engine = "lambda"
  }

  assert {
    condition = sum([
      length(aws_sfn_state_machine.workflow),
      length(aws_cloudwatch_log_group.workflow),
      length(aws_iam_role.workflow),
      length(aws_iam_role_policy.workflow),
      length(aws_iam_role.schedule),
      length(aws_iam_role_policy.schedule),
    ]) == 0
    error_message = "There is no state machine, and nothing that serves one."
  }

  assert {
    condition     = output.state_machine_arn == null && output.executions_url == null
    error_message = "The outputs say so."
  }

  assert {
    condition     = !strcontains(output.role_policy, "rounds") && !strcontains(output.deployment, "rounds")
    error_message = "A run neither keeps nor is told of rounds."
  }

  assert {
    condition     = aws_cloudwatch_event_target.schedule.role_arn == null && length(aws_lambda_permission.schedule) == 1
    error_message = "The rule invokes the function, whose own policy lets it do so."
  }
}

run "the_schedule_starts_the_state_machine_and_no_longer_the_function" {
  command = plan

  assert {
    condition = alltrue([
      aws_cloudwatch_event_target.schedule.arn == aws_sfn_state_machine.workflow[0].arn,
      aws_cloudwatch_event_target.schedule.role_arn == aws_iam_role.schedule[0].arn,
      aws_cloudwatch_event_target.schedule.input == null,
      length(aws_cloudwatch_event_target.schedule.input_transformer) == 0,
      aws_cloudwatch_event_target.schedule.target_id == "backup",
    ])
    error_message = "The rule hands its event, with the time that names the run, to the state machine."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_event_target.schedule.retry_policy[0].maximum_event_age_in_seconds == 6 * 3600,
      aws_cloudwatch_event_target.schedule.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn,
    ])
    error_message = "An event that starts no execution is kept."
  }

  assert {
    condition     = length(aws_lambda_permission.schedule) == 0
    error_message = "The rule may no longer invoke the function."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.backup.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_runs.arn
    error_message = "Whoever invokes the function by hand still learns from the queue that it failed."
  }
}

run "the_state_machine_is_a_standard_one_that_logs_what_goes_wrong" {
  command = plan

  variables {
    log_retention_in_days = 30
    tags                  = { Team = "platform" }
  }

  assert {
    condition = alltrue([
      aws_sfn_state_machine.workflow[0].name == "ebs-backup",
      aws_sfn_state_machine.workflow[0].type == "STANDARD",
      aws_sfn_state_machine.workflow[0].role_arn == aws_iam_role.workflow[0].arn,
    ])
    error_message = "It bears the deployment's name, and lasts longer than the five minutes of an express one."
  }

  assert {
    condition     = aws_sfn_state_machine.workflow[0].timeouts.delete == "30m"
    error_message = "Its deletion waits for the step that an execution is at, which may take as long as the function."
  }

  assert {
    condition = aws_sfn_state_machine.workflow[0].logging_configuration[0] == {
      level                  = "ERROR"
      include_execution_data = true
      log_destination        = "arn:aws:logs:eu-west-1:111122223333:log-group:a-log-group:*"
    }
    error_message = "What went wrong is logged, with what it went wrong about."
  }

  assert {
    condition     = aws_cloudwatch_log_group.workflow[0].name == "/aws/vendedlogs/states/ebs-backup" && aws_cloudwatch_log_group.workflow[0].retention_in_days == 30
    error_message = "Its log is kept as long as the function's."
  }

  assert {
    condition = alltrue([
      for resource in [aws_cloudwatch_log_group.workflow[0], aws_iam_role.schedule[0], aws_iam_role.workflow[0], aws_sfn_state_machine.workflow[0]] :
      resource.tags == tomap({ Team = "platform" })
    ])
    error_message = "Every resource carries the tags."
  }
}

run "the_state_machine_invokes_the_function_tells_of_failed_runs_and_logs" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.workflow[0].policy).Statement == [
      {
        Sid      = "Visit"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:aws:lambda:eu-west-1:111122223333:function:ebs-backup"
      },
      {
        Sid      = "ReportFailedRuns"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
      },
      {
        Sid    = "DeliverLogs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery",
          "logs:DeleteLogDelivery",
          "logs:DescribeLogGroups",
          "logs:DescribeResourcePolicies",
          "logs:GetLogDelivery",
          "logs:ListLogDeliveries",
          "logs:PutResourcePolicy",
          "logs:UpdateLogDelivery",
        ]
        Resource = "*"
      },
    ]
    error_message = "It may do this and nothing besides."
  }

  assert {
    condition = jsondecode(aws_iam_role.workflow[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:states:eu-west-1:111122223333:stateMachine:ebs-backup" }
      }
    }]
    error_message = "Step Functions, for this state machine, and nobody else, may take the role."
  }
}

run "the_schedule_may_start_this_state_machine_and_nothing_besides" {
  command = plan

  assert {
    condition = jsondecode(aws_iam_role_policy.schedule[0].policy).Statement == [{
      Sid      = "Start"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = "arn:aws:states:eu-west-1:111122223333:stateMachine:ebs-backup"
    }]
    error_message = "It may start executions of the state machine."
  }

  assert {
    condition = jsondecode(aws_iam_role.schedule[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/ebs-backup" }
      }
    }]
    error_message = "EventBridge, for this rule, and nobody else, may take the role."
  }
}

run "a_run_keeps_its_rounds_in_the_bucket_and_reads_them_again" {
  command = plan

  variables {
    name   = "nightly"
    bucket = "acme-artifacts"
  }

  assert {
    condition     = jsondecode(output.deployment).rounds_prefix == "nightly/rounds/" && output.rounds_prefix == "nightly/rounds/"
    error_message = "The function is told where."
  }

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "DiscoverRegions", "SnapshotVolumes", "SnapshotInstances", "CreateOwnedSnapshots", "TagOnCreate", "CompleteTags",
      "WriteReports", "ListReports", "KeepRounds", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "The engine adds one statement to what a run may do."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "KeepRounds"]) == {
      Sid      = "KeepRounds"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "arn:aws:s3:::acme-artifacts/nightly/rounds/*"
    }
    error_message = "It may read what it keeps there, and nothing else in the bucket."
  }
}

run "as_many_regions_are_visited_at_a_time_as_the_function_may_run" {
  command = plan

  variables {
    reserved_concurrent_executions = 12
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.workflow[0].definition).States.Regions.MaxConcurrency == 12
    error_message = "More would only be turned away."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.workflow[0].definition).TimeoutSeconds == 4 * 48 * (900 + 60)
    error_message = "An execution has time for the four turns in which 12 at a time are 40 regions."
  }
}

run "of_however_many_the_function_may_run_a_map_runs_forty" {
  command = plan

  variables {
    reserved_concurrent_executions = 100
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.workflow[0].definition).States.Regions.MaxConcurrency == 40
    error_message = "An inline Map has no more iterations at a time."
  }
}

run "an_execution_has_time_for_all_its_rounds_and_a_round_for_the_functions_timeout" {
  command = plan

  variables {
    timeout = 300
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.workflow[0].definition).TimeoutSeconds == 48 * (300 + 60)
    error_message = "There are at most 40 rounds, and pauses between them."
  }

  assert {
    condition = alltrue([
      for task in [
        jsondecode(aws_sfn_state_machine.workflow[0].definition).States.Begin,
        jsondecode(aws_sfn_state_machine.workflow[0].definition).States.Finish,
        jsondecode(aws_sfn_state_machine.workflow[0].definition).States.Regions.ItemProcessor.States.Visit,
      ] : task.TimeoutSeconds > 300 && task.Parameters.FunctionName == aws_lambda_function.backup.arn
    ])
    error_message = "A task waits until the function has either answered or been ended."
  }
}

run "an_execution_that_does_not_end_by_itself_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for alarm, metric in { timed-out = "ExecutionsTimedOut", aborted = "ExecutionsAborted" } : alltrue([
        aws_cloudwatch_metric_alarm.fault[alarm].namespace == "AWS/States",
        aws_cloudwatch_metric_alarm.fault[alarm].metric_name == metric,
        aws_cloudwatch_metric_alarm.fault[alarm].dimensions["StateMachineArn"] == aws_sfn_state_machine.workflow[0].arn,
        aws_cloudwatch_metric_alarm.fault[alarm].treat_missing_data == "notBreaching",
      ])
    ])
    error_message = "It cannot tell the queue any more, so the metric does."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.fault["timed-out"].alarm_description, " after 12.8 hours,")
    error_message = "It says how long the run took."
  }

  assert {
    condition = alltrue(flatten([
      for alarm in ["timed-out", "aborted"] : [
        can(regex("\nLook first [^\n]+: https://eu-west-1[.]console[.]aws[.]amazon[.]com/states/home[^\n]+:stateMachine:ebs-backup\n", aws_cloudwatch_metric_alarm.fault[alarm].alarm_description)),
        can(regex("\nThen [^\n]+: see \"docs/operations.md\" of the module, \"A run (timed out|was aborted)\"", aws_cloudwatch_metric_alarm.fault[alarm].alarm_description)),
      ]
    ]))
    error_message = "It says where to look first, and where to read on."
  }

  assert {
    condition     = length(setsubtract(["ebs-backup-timed-out", "ebs-backup-aborted"], output.alarm_names)) == 0
    error_message = "The output names them."
  }
}

run "its_alarms_say_it_in_as_many_words_as_cloudwatch_takes" {
  command = plan

  variables {
    name = join("", [for character in range(36) : "n"])
  }

  override_data {
    target          = data.aws_region.current
    override_during = plan
    values          = { id = "ap-southeast-1" }
  }

  assert {
    condition     = alltrue([for alarm in ["timed-out", "aborted"] : length(aws_cloudwatch_metric_alarm.fault[alarm].alarm_description) <= 1024])
    error_message = "The longest names fit too."
  }
}

run "the_dashboard_leads_to_the_executions" {
  command = plan

  variables {
    dashboard_enabled = true
  }

  assert {
    condition     = strcontains(jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets[0].properties.markdown, output.executions_url)
    error_message = "They are one click away."
  }

  assert {
    condition = [
      for widget in jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets : widget.properties.annotations.horizontal
      if try(widget.properties.title, "") == "Longest run"
    ] == [[]]
    error_message = "A run is not bound to the function's timeout."
  }
}

run "a_key_encrypts_its_log_and_is_used_for_the_queue" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = aws_cloudwatch_log_group.workflow[0].kms_key_id == var.kms_key_arn
    error_message = "The log is encrypted with the key."
  }

  assert {
    condition = one([for statement in jsondecode(aws_iam_role_policy.workflow[0].policy).Statement : statement if statement.Sid == "UseKey"]) == {
      Sid      = "UseKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    }
    error_message = "An encrypted queue takes messages from whoever may use this key alone."
  }
}

run "its_roles_can_be_bounded_and_put_under_a_path" {
  command = plan

  variables {
    role_path            = "/automation/"
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.workflow[0], aws_iam_role.schedule[0]] :
      role.path == "/automation/" && role.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    ])
    error_message = "Path and boundary are theirs too."
  }
}

run "china_has_arns_and_a_console_of_its_own" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-cn" }
  }

  assert {
    condition = length(setunion(
      regexall("arn:aws:", aws_iam_role_policy.workflow[0].policy),
      regexall("arn:aws:", aws_iam_role_policy.schedule[0].policy),
      regexall("arn:aws:", aws_iam_role.workflow[0].assume_role_policy),
      regexall("arn:aws:", aws_sfn_state_machine.workflow[0].definition),
    )) == 0
    error_message = "Every ARN is of the partition aws-cn, those of what a task does included."
  }

  assert {
    condition     = strcontains(aws_sfn_state_machine.workflow[0].definition, "arn:aws-cn:states:::lambda:invoke") && startswith(output.executions_url, "https://eu-west-1.console.amazonaws.cn/states/")
    error_message = "Tasks and console are those of China."
  }
}
