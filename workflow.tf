# The Step Functions engine: a state machine that has the function visit every region, round after round, until nothing is
# left to do there. Between its steps it keeps names and numbers only; what a round found is in the bucket.

locals {
  workflow          = var.engine == "step_functions"
  state_machine_arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.name}"
  executions_url    = local.workflow ? "https://${local.region}.${local.console}/states/home?region=${local.region}#/statemachines/view/${local.state_machine_arn}" : null

  # An inline Map runs at most 40 iterations at a time; what the function may not run besides would only be turned away.
  regions_at_a_time = var.reserved_concurrent_executions == -1 ? 40 : min(40, var.reserved_concurrent_executions)

  # Lambda's own errors: retried for about 35 minutes on average and 70 at most, since it may be the account's concurrency
  # that is used up. "FULL" makes each pause a random part of its length.
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
  # Anything else: after a minute and after two more, as Lambda does with an event.
  retry_anything = { ErrorEquals = ["States.ALL"], IntervalSeconds = 60, BackoffRate = 2, MaxAttempts = 2 }
  # The error takes the place of the state, into which it could not be put: an execution's input may be anything.
  catch_anything = { ErrorEquals = ["States.ALL"], Next = "Explained?" }

  invoke = {
    Type           = "Task"
    Resource       = "arn:${local.partition}:states:::lambda:invoke"
    TimeoutSeconds = var.timeout + 60 # by then Lambda has ended it, and its answer is lost
  }

  definition = {
    Comment = "Backs up the EBS volumes of the account: every region, round after round, until nothing is left to do."
    StartAt = "Begin"

    # The function ends a region's visit after 40 rounds, with pauses of 20 seconds, or of more where nothing is gained: this
    # is time for them, for the other steps, and for what has to be tried again, as often as 40 regions take turns. At 5
    # snapshots a second 40 rounds of 900 seconds are more than the 100,000 snapshots that EC2 lets a region have; and with
    # 9 events each, those of 40 regions fit into the 25,000 of an execution's history.
    TimeoutSeconds = 48 * (var.timeout + 60) * ceil(40 / local.regions_at_a_time)

    States = {
      Begin = merge(local.invoke, {
        Comment = "Settles what run this is, and which regions it visits."
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
        Comment        = "Visits each region until it is done; none waits for another, and none fails another."
        ItemsPath      = "$.regions"
        ItemSelector   = { "run.$" = "$.run", "region.$" = "$$.Map.Item.Value", next = { round = 1, stalled = 0 } }
        MaxConcurrency = local.regions_at_a_time
        ItemProcessor  = merge({ ProcessorConfig = { Mode = "INLINE" } }, local.visits)
        ResultPath     = "$.visits"
        Catch          = [local.catch_anything]
        Next           = "Finish"
      }

      Finish = merge(local.invoke, {
        Comment = "Makes one report of what was found in the regions; fails if anything is missing."
        Parameters = {
          FunctionName = local.function_arn
          Payload      = { step = "finish", "run.$" = "$.run", "visits.$" = "$.visits" }
        }
        OutputPath = "$.Payload"
        Retry      = [local.retry_lambda, { ErrorEquals = ["RunFailed"], MaxAttempts = 0 }, local.retry_anything]
        Catch      = [local.catch_anything]
        End        = true
      })

      # The rest puts a run that failed into the queue, as Lambda does with an event that failed for good.

      "Explained?" = {
        Type    = "Choice"
        Comment = "The cause of what the function raised is its answer, in JSON; that of anything else is plain text, if there is one."
        Choices = [
          { Variable = "$.Cause", IsPresent = false, Next = "No cause" },
          { Variable = "$.Cause", StringMatches = "{*\"errorMessage\"*}", Next = "Explained" },
        ]
        Default = "Unexplained"
      }
      "No cause" = {
        Type       = "Pass"
        Result     = ""
        ResultPath = "$.Cause"
        Next       = "Unexplained"
      }
      Explained = {
        Type       = "Pass"
        Parameters = { "Error.$" = "$.Error", "answer.$" = "States.StringToJson($.Cause)" }
        Next       = "Tell"
      }
      Unexplained = {
        Type       = "Pass"
        Parameters = { "Error.$" = "$.Error", answer = { "errorMessage.$" = "$.Cause" } }
        Next       = "Tell"
      }
      Tell = {
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
        Catch          = [{ ErrorEquals = ["States.ALL"], ResultPath = "$.untold", Next = "Failed" }]
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
        Comment = "One round: observes, plans, and does as much as there is time for."
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

  # A null statement is left out of the policy.
  workflow_statements = [
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
      Sid      = "UseKey"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    },
    # CloudWatch Logs lets none of these calls be narrowed to resources.
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

resource "aws_cloudwatch_log_group" "workflow" {
  #checkov:skip=CKV_AWS_338:what is to be kept for a year or more is in the run reports, and log_retention_in_days is the user's choice

  count = local.workflow ? 1 : 0

  name              = "/aws/vendedlogs/states/${var.name}" # under this prefix a log group needs no resource policy of its own
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sfn_state_machine" "workflow" {
  #checkov:skip=CKV_AWS_284:one function without callees, whose reports and metrics hold the duration and every API call

  count = local.workflow ? 1 : 0

  name       = var.name
  type       = "STANDARD"
  role_arn   = aws_iam_role.workflow[0].arn
  definition = jsonencode(local.definition)
  tags       = var.tags

  # What went wrong, for as long as logs are kept; of everything else there is the history of the execution for 90 days, and
  # the log of the function.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.workflow[0].arn}:*"
  }

  # AWS deletes it once its executions have ended, each of them with the step that it is at.
  timeouts {
    delete = "30m"
  }

  depends_on = [aws_iam_role_policy.workflow, aws_lambda_function.backup]
}

# What the state machine may do.

resource "aws_iam_role" "workflow" {
  count = local.workflow ? 1 : 0

  name                 = "${var.name}-workflow"
  description          = "What the state machine of ${var.name}, which backs up the EBS volumes of the account, may do."
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

resource "aws_iam_role_policy" "workflow" {
  count = length(aws_iam_role.workflow)

  name = aws_iam_role.workflow[count.index].name
  role = aws_iam_role.workflow[count.index].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.workflow_statements : merge({ Effect = "Allow" }, statement) if statement != null]
  })
}

# What the schedule may do: start the state machine.

resource "aws_iam_role" "schedule" {
  count = local.workflow ? 1 : 0

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
