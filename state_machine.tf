# The state machine, with engine = "step_functions": it invokes the function for every region, round after round, until
# nothing is left to do there. Between its steps it keeps names and numbers only; the results of a round are in the bucket.

locals {
  has_state_machine = var.engine == "step_functions"
  state_machine_arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.name}"
  executions_url    = local.has_state_machine ? "https://${local.region}.${local.console}/states/home?region=${local.region}#/statemachines/view/${local.state_machine_arn}" : null

  # An inline Map runs at most 40 iterations at a time. Lambda throttles more invocations than are reserved.
  # https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
  max_map_iterations = 40
  regions_at_a_time  = var.reserved_concurrent_executions == -1 ? local.max_map_iterations : min(local.max_map_iterations, var.reserved_concurrent_executions)

  # The time budget. The function ends the visits to a region after max_rounds rounds, and pauses for 20 seconds or more
  # between two rounds. The other rounds' time is for these pauses, for Begin and Finish, and for retries.
  # Both limits of AWS hold: at 5 snapshots a second, 40 rounds of 900 seconds make more than the 100,000 snapshots that
  # EC2 lets a region have; and 40 rounds in 40 regions, with 9 events each, fit into an execution's 25,000 events.
  max_rounds                = 40
  rounds_of_other_steps     = 8
  task_timeout_seconds      = var.timeout + 60 # Lambda has then ended the function, and its answer is lost
  turns                     = ceil(local.max_map_iterations / local.regions_at_a_time)
  execution_timeout_seconds = (local.max_rounds + local.rounds_of_other_steps) * local.task_timeout_seconds * local.turns

  # Lambda's own errors: retried for about 35 minutes on average and 70 at most, because other functions may use all of
  # the account's concurrency. "FULL" makes each pause a random part of its length.
  # https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
  retry_lambda = {
    ErrorEquals = [
      "Lambda.ClientExecutionTimeoutException",
      "Lambda.ServiceException",
      "Lambda.AWSLambdaException",
      "Lambda.SdkClientException",
      "Lambda.TooManyRequestsException",
    ]
    IntervalSeconds = 2
    BackoffRate     = 2
    MaxDelaySeconds = 300
    MaxAttempts     = 20
    JitterStrategy  = "FULL"
  }
  # Any other error: retried after one minute and after two more, as Lambda retries an event.
  retry_anything = { ErrorEquals = ["States.ALL"], IntervalSeconds = 60, BackoffRate = 2, MaxAttempts = 2 }
  # The error replaces the state's input. It cannot be added to the input, which need not be an object.
  catch_anything = { ErrorEquals = ["States.ALL"], Next = "Read cause" }

  invoke = {
    Type           = "Task"
    Resource       = "arn:${local.partition}:states:::lambda:invoke"
    TimeoutSeconds = local.task_timeout_seconds
  }

  definition = {
    Comment        = "Backs up the EBS volumes of the account: every region, round after round, until nothing is left to do."
    StartAt        = "Begin"
    TimeoutSeconds = local.execution_timeout_seconds

    States = {
      Begin = merge(local.invoke, {
        Comment = "Decides the run's id and its regions."
        Parameters = {
          FunctionName = local.function_arn
          Payload      = { step = "begin", "event.$" = "$", "execution.$" = "$$.Execution.Name" }
        }
        OutputPath = "$.Payload"
        Retry      = [local.retry_lambda, { ErrorEquals = ["RequestError"], MaxAttempts = 0 }, local.retry_anything]
        Catch      = [local.catch_anything]
        Next       = "Regions"
      })

      Regions = {
        Type           = "Map"
        Comment        = "Visits each region until it is done. No region waits for another, and no region fails another."
        ItemsPath      = "$.regions"
        ItemSelector   = { "run.$" = "$.run", "region.$" = "$$.Map.Item.Value", next = { round = 1, stalled = 0 } }
        MaxConcurrency = local.regions_at_a_time
        ItemProcessor  = merge({ ProcessorConfig = { Mode = "INLINE" } }, local.visits)
        ResultPath     = "$.visits"
        Catch          = [local.catch_anything]
        Next           = "Finish"
      }

      Finish = merge(local.invoke, {
        Comment = "Makes one report of all regions. Fails if a snapshot is missing."
        Parameters = {
          FunctionName = local.function_arn
          Payload      = { step = "finish", "run.$" = "$.run", "visits.$" = "$.visits" }
        }
        OutputPath = "$.Payload"
        Retry      = [local.retry_lambda, { ErrorEquals = ["RunFailed"], MaxAttempts = 0 }, local.retry_anything]
        Catch      = [local.catch_anything]
        End        = true
      })

      # The other states send a failed run to the queue, as Lambda does with an event after its last attempt.

      "Read cause" = {
        Type    = "Choice"
        Comment = "An error of the function has a cause in JSON. Any other error has a text, or no cause."
        Choices = [
          { Variable = "$.Cause", IsPresent = false, Next = "No cause" },
          { Variable = "$.Cause", StringMatches = "{*\"errorMessage\"*}", Next = "Cause in JSON" },
        ]
        Default = "Cause as text"
      }
      "No cause" = {
        Type       = "Pass"
        Result     = ""
        ResultPath = "$.Cause"
        Next       = "Cause as text"
      }
      "Cause in JSON" = {
        Type       = "Pass"
        Parameters = { "Error.$" = "$.Error", "answer.$" = "States.StringToJson($.Cause)" }
        Next       = "Report failure"
      }
      "Cause as text" = {
        Type       = "Pass"
        Parameters = { "Error.$" = "$.Error", answer = { "errorMessage.$" = "$.Cause" } }
        Next       = "Report failure"
      }
      "Report failure" = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::sqs:sendMessage"
        Parameters = {
          QueueUrl = aws_sqs_queue.failed_runs.url
          MessageBody = {
            version            = "1.0"
            "timestamp.$"      = "$$.State.EnteredTime"
            requestContext     = { "requestId.$" = "$$.Execution.Name", "executionArn.$" = "$$.Execution.Id", condition = "ExecutionFailed" }
            "requestPayload.$" = "$$.Execution.Input"
            responsePayload    = { "errorType.$" = "$.Error", "errorMessage.$" = "$.answer.errorMessage" }
          }
        }
        ResultPath     = null
        TimeoutSeconds = 60
        Retry          = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 2, BackoffRate = 2, MaxAttempts = 6, JitterStrategy = "FULL" }]
        Catch          = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.report_error", Next = "Failed" }]
        Next           = "Failed"
      }
      Failed = {
        Type      = "Fail"
        ErrorPath = "$.Error"
        CausePath = "$.answer.errorMessage"
      }
    }
  }

  # The visits of one region.
  visits = {
    StartAt = "Visit"
    States = {
      Visit = merge(local.invoke, {
        Comment = "One round: observes, plans, and applies as much as time allows."
        Parameters = {
          FunctionName = local.function_arn
          Payload      = { step = "visit", "run.$" = "$.run", "region.$" = "$.region", "round.$" = "$.next.round", "stalled.$" = "$.next.stalled", "retries.$" = "$$.State.RetryCount" }
        }
        ResultSelector = { for key in ["again", "wait_seconds", "round", "stalled"] : "${key}.$" => "$.Payload.${key}" }
        ResultPath     = "$.next"
        Retry          = [local.retry_lambda, local.retry_anything]
        Catch          = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.error", Next = "Crashed" }]
        Next           = "Done?"
      })
      "Done?" = {
        Type    = "Choice"
        Choices = [{ Variable = "$.next.again", BooleanEquals = true, Next = "Wait" }]
        Default = "Visited"
      }
      Wait = {
        Type        = "Wait"
        SecondsPath = "$.next.wait_seconds"
        Next        = "Visit"
      }
      Visited = {
        Type       = "Pass"
        Parameters = { "region.$" = "$.region", "rounds.$" = "States.MathAdd($.next.round, -1)" }
        End        = true
      }
      Crashed = {
        Type       = "Pass"
        Parameters = { "region.$" = "$.region", "error.$" = "$.error" }
        End        = true
      }
    }
  }

  # The policy leaves out a null statement.
  state_machine_statements = [
    {
      Sid      = "Visit"
      Action   = ["lambda:InvokeFunction"]
      Resource = local.function_arn
    },
    {
      Sid      = "ReportFailedRuns"
      Action   = ["sqs:SendMessage"]
      Resource = local.failed_runs_arn
    },
    var.kms_key_arn == null ? null : {
      Sid       = "UseKey"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.kms_key_arn
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.${local.dns_suffix}" } }
    },
    # CloudWatch Logs does not let a policy narrow these calls to resources.
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    {
      Sid = "DeliverLogs"
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
}

resource "aws_cloudwatch_log_group" "state_machine" {
  #checkov:skip=CKV_AWS_338:the run reports hold the facts of a year, and log_retention_in_days is the user's choice

  count = local.has_state_machine ? 1 : 0

  name              = "/aws/vendedlogs/states/${var.name}" # with this prefix a log group needs no resource policy
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sfn_state_machine" "backup" {
  #checkov:skip=CKV_AWS_284:the function calls no other function, and its reports and metrics hold the duration and every API call

  count = local.has_state_machine ? 1 : 0

  name       = var.name
  type       = "STANDARD"
  role_arn   = aws_iam_role.state_machine[0].arn
  definition = jsonencode(local.definition)
  tags       = var.tags

  # This log holds errors only. Step Functions keeps an execution's history for 90 days, and the function has its own log.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.state_machine[0].arn}:*"
  }

  # AWS deletes a state machine when the current step of every execution has ended.
  timeouts {
    delete = "30m"
  }

  depends_on = [aws_iam_role_policy.state_machine, aws_lambda_function.backup]
}

# The role of the state machine.

resource "aws_iam_role" "state_machine" {
  count = local.has_state_machine ? 1 : 0

  name                 = "${var.name}-state-machine"
  description          = "Lets the state machine of ${var.name} invoke its function and report failed runs."
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = local.state_machine_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  count = length(aws_iam_role.state_machine)

  name = aws_iam_role.state_machine[count.index].name
  role = aws_iam_role.state_machine[count.index].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.state_machine_statements : merge({ Effect = "Allow" }, statement) if statement != null]
  })
}

# The role of the schedule, which starts the state machine.

resource "aws_iam_role" "schedule" {
  count = local.has_state_machine ? 1 : 0

  name                 = "${var.name}-schedule"
  description          = "Lets the schedule of ${var.name} start its state machine."
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  # https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = aws_cloudwatch_event_rule.schedule.arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  count = length(aws_iam_role.schedule)

  name = aws_iam_role.schedule[count.index].name
  role = aws_iam_role.schedule[count.index].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Start"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = local.state_machine_arn
    }]
  })
}
