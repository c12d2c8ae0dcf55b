# What engine = "step_functions" adds and removes, and what its roles may do. tests/terraform/test_state_machine.py
# runs the definition.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_iam_role.schedule
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/ebs-backup-schedule" }
}

override_resource {
  target          = aws_sqs_queue.failed_runs
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs" }
}

variables {
  engine        = "step_functions"
  alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
}

run "default_has_no_state_machine" {
  command = plan

  variables {
    engine = "lambda"
  }

  assert {
    condition = sum([
      length(aws_sfn_state_machine.backup),
      length(aws_cloudwatch_log_group.state_machine),
      length(aws_iam_role.state_machine),
      length(aws_iam_role_policy.state_machine),
      length(aws_iam_role.schedule),
      length(aws_iam_role_policy.schedule),
    ]) == 0
    error_message = "The module makes nothing for a state machine."
  }

  assert {
    condition     = output.state_machine_arn == null && output.executions_url == null
    error_message = "The outputs are null."
  }

  assert {
    condition     = !strcontains(output.role_policy, "rounds") && !strcontains(output.deployment, "rounds")
    error_message = "The function knows nothing of rounds."
  }

  assert {
    condition     = aws_cloudwatch_event_target.schedule.role_arn == null && length(aws_lambda_permission.schedule) == 1
    error_message = "The function's own policy lets the rule invoke it."
  }
}

run "schedule_starts_the_state_machine" {
  command = plan

  assert {
    condition = alltrue([
      aws_cloudwatch_event_target.schedule.arn == aws_sfn_state_machine.backup[0].arn,
      aws_cloudwatch_event_target.schedule.role_arn == aws_iam_role.schedule[0].arn,
      aws_cloudwatch_event_target.schedule.input == null,
    ])
    error_message = "The state machine gets the whole event, whose time names the run."
  }

  assert {
    condition     = length(aws_lambda_permission.schedule) == 0
    error_message = "The rule may no longer invoke the function."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.backup.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_runs.arn
    error_message = "A failed invocation by hand still reaches the queue."
  }
}

run "state_machine_logs_errors" {
  command = plan

  variables {
    log_retention_in_days = 30
    tags                  = { Team = "platform" }
  }

  assert {
    condition     = aws_sfn_state_machine.backup[0].logging_configuration[0].level == "ERROR" && aws_cloudwatch_log_group.state_machine[0].retention_in_days == 30
    error_message = "The log of the state machine is kept as long as the function's."
  }

  assert {
    condition = alltrue([
      for resource in [aws_cloudwatch_log_group.state_machine[0], aws_iam_role.schedule[0], aws_iam_role.state_machine[0], aws_sfn_state_machine.backup[0]] :
      resource.tags == tomap({ Team = "platform" })
    ])
    error_message = "Every resource carries the tags."
  }
}

run "state_machine_may_invoke_report_and_log" {
  command = plan

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.state_machine[0].policy).Statement :
      statement.Resource => [for action in statement.Action : action if !startswith(action, "logs:")]
      } == {
      "arn:aws:lambda:eu-west-1:111122223333:function:ebs-backup" = ["lambda:InvokeFunction"]
      "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs" = ["sqs:SendMessage"]
      "*"                                                         = []
    }
    error_message = "Besides its log delivery, the state machine may invoke its function and send to its queue."
  }

  assert {
    condition = jsondecode(aws_iam_role.state_machine[0].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:states:eu-west-1:111122223333:stateMachine:ebs-backup" }
      }
    }]
    error_message = "Only Step Functions, for this state machine, may take the role."
  }
}

run "schedule_may_start_only_this_state_machine" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.schedule[0].policy).Statement : [statement.Action, statement.Resource]
    ] == [[["states:StartExecution"], "arn:aws:states:eu-west-1:111122223333:stateMachine:ebs-backup"]]
    error_message = "The schedule may start executions and do nothing else."
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
    error_message = "Only EventBridge, for this rule, may take the role."
  }
}

run "run_reads_only_its_own_rounds" {
  command = plan

  variables {
    name   = "nightly"
    bucket = "acme-artifacts"
  }

  assert {
    condition     = jsondecode(output.deployment).rounds_prefix == "nightly/rounds/" && output.rounds_prefix == "nightly/rounds/"
    error_message = "The function gets the prefix of its rounds."
  }

  assert {
    condition = {
      for statement in jsondecode(output.role_policy).Statement : statement.Resource => statement.Action if strcontains(jsonencode(statement.Action), "s3:GetObject")
    } == { "arn:aws:s3:::acme-artifacts/nightly/rounds/*" = ["s3:GetObject", "s3:PutObject"] }
    error_message = "A run may read nothing else in the bucket."
  }

  assert {
    condition = [for statement in jsondecode(output.role_policy).Statement : statement if statement.Effect == "Deny"] == [{
      Sid       = "KeepWhatTheRunIs"
      Effect    = "Deny"
      Action    = ["s3:PutObject"]
      Resource  = "arn:aws:s3:::acme-artifacts/nightly/rounds/*/run.json"
      Condition = { Null = { "s3:if-none-match" = "true" } }
    }]
    error_message = "Nothing overwrites what Begin says of the run."
  }
}

run "execution_has_time_for_all_rounds" {
  command = plan

  variables {
    timeout = 300
  }

  assert {
    condition     = jsondecode(output.deployment).max_rounds == 40 && jsondecode(aws_sfn_state_machine.backup[0].definition).TimeoutSeconds == (40 + 8) * (300 + 60)
    error_message = "State machine and function have the same number of rounds."
  }

  assert {
    condition = alltrue([
      for task in [
        jsondecode(aws_sfn_state_machine.backup[0].definition).States.Begin,
        jsondecode(aws_sfn_state_machine.backup[0].definition).States.Finish,
        jsondecode(aws_sfn_state_machine.backup[0].definition).States.Regions.ItemProcessor.States.Visit,
      ] : task.TimeoutSeconds > 300 && task.Parameters.FunctionName == aws_lambda_function.backup.arn
    ])
    error_message = "A task waits until Lambda has ended the function."
  }
}

run "reserved_concurrency_limits_regions_at_a_time" {
  command = plan

  variables {
    reserved_concurrent_executions = 12
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.backup[0].definition).States.Regions.MaxConcurrency == 12
    error_message = "Lambda would throttle more."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.backup[0].definition).TimeoutSeconds == 4 * 48 * (900 + 60)
    error_message = "40 regions take four turns of 12 regions."
  }
}

run "map_visits_at_most_40_regions_at_a_time" {
  command = plan

  variables {
    reserved_concurrent_executions = 100
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.backup[0].definition).States.Regions.MaxConcurrency == 40
    error_message = "An inline Map runs at most 40 iterations at a time."
  }
}

run "execution_ended_from_outside_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for alarm in ["timed-out", "aborted"] : alltrue([
        aws_cloudwatch_metric_alarm.fault[alarm].dimensions["StateMachineArn"] == aws_sfn_state_machine.backup[0].arn,
        can(regex("\nLook first [^\n]+: https://eu-west-1[.]console[.]aws[.]amazon[.]com/states/home[^\n]+:stateMachine:ebs-backup\n", aws_cloudwatch_metric_alarm.fault[alarm].alarm_description)),
        can(regex("\nThen [^\n]+: see \"docs/operations.md\" of the module, \"A run (timed out|was aborted)\"", aws_cloudwatch_metric_alarm.fault[alarm].alarm_description)),
        contains(output.alarm_names, "ebs-backup-${alarm}"),
      ])
    ])
    error_message = "Such an execution cannot send a message to the queue."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.fault["timed-out"].alarm_description, " after 12.8 hours.")
    error_message = "The text says how long the run took."
  }
}

run "dashboard_links_to_executions" {
  command = plan

  variables {
    dashboard_enabled = true
  }

  assert {
    condition     = strcontains(jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets[0].properties.markdown, output.executions_url)
    error_message = "The dashboard links to the executions."
  }

  assert {
    condition = [
      for widget in jsondecode(aws_cloudwatch_dashboard.backup[0].dashboard_body).widgets : widget.properties.annotations.horizontal
      if try(widget.properties.title, "") == "Longest run"
    ] == [[]]
    error_message = "A run may take longer than the function's timeout."
  }
}

run "key_encrypts_log_and_messages" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = aws_cloudwatch_log_group.state_machine[0].kms_key_id == var.kms_key_arn
    error_message = "The key encrypts the log."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.state_machine[0].policy).Statement : [statement.Action, statement.Resource, statement.Condition] if statement.Sid == "UseKey"
    ] == [[["kms:Decrypt", "kms:GenerateDataKey"], var.kms_key_arn, { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }]]
    error_message = "The state machine may use this key alone, for messages to the encrypted queue."
  }
}

run "roles_take_path_and_boundary" {
  command = plan

  variables {
    role_path            = "/automation/"
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.state_machine[0], aws_iam_role.schedule[0]] :
      role.path == "/automation/" && role.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    ])
    error_message = "Both roles have path and boundary."
  }
}

run "china_has_its_own_arns_and_console" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-cn" }
  }

  assert {
    condition = length(setunion(
      regexall("arn:aws:", aws_iam_role_policy.state_machine[0].policy),
      regexall("arn:aws:", aws_iam_role_policy.schedule[0].policy),
      regexall("arn:aws:", aws_iam_role.state_machine[0].assume_role_policy),
      regexall("arn:aws:", aws_sfn_state_machine.backup[0].definition),
    )) == 0
    error_message = "Every ARN is of the partition aws-cn, also in the tasks."
  }

  assert {
    condition     = startswith(output.executions_url, "https://eu-west-1.console.amazonaws.cn/states/")
    error_message = "The link leads to the console of the partition."
  }
}
