# The dashboard: the runs of the last 30 days, one point a day. The widgets fill its 24 columns in their order.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

locals {
  consoles    = { aws-cn = "console.amazonaws.cn", aws-us-gov = "console.amazonaws-us-gov.com" }
  console     = lookup(local.consoles, local.partition, "console.aws.amazon.com")
  reports_url = "https://${local.region}.${local.console}/s3/buckets/${local.bucket}?region=${local.region}&prefix=${local.report_prefix}"

  graph = { region = local.region, view = "timeSeries", period = 86400 }

  overview = [
    {
      type   = "text"
      width  = 8
      height = 4
      properties = {
        markdown = <<-EOT
          ## ${var.name}
          [Reports of the runs](${local.reports_url}): the newest report lists every volume, its newest snapshot and every problem.

          %{if local.has_state_machine}[Executions of the state machine](${local.executions_url}): each shows the steps of every region.

          %{endif}The description of an alarm says what to do.
        EOT
      }
    },
    {
      type   = "alarm"
      width  = 16
      height = 4
      properties = {
        title  = "Alarms"
        alarms = concat([for alarm in aws_cloudwatch_metric_alarm.fault : alarm.arn], aws_cloudwatch_metric_alarm.no_run[*].arn)
      }
    },
    {
      type   = "metric"
      width  = 12
      height = 6
      properties = merge(local.graph, {
        title   = "Coverage: volumes with a recent enough snapshot"
        metrics = [["EBSBackup", "CoveragePercent", "Policy", var.name, { stat = "Minimum", label = "covered" }]]
        yAxis   = { left = { min = 0, max = 100, label = "%", showUnits = false } }
      })
    },
    {
      type   = "metric"
      width  = 12
      height = 6
      properties = merge(local.graph, {
        title = "Oldest recovery point"
        metrics = [
          ["EBSBackup", "RecoveryPointAgeMax", "Policy", var.name, { stat = "Maximum", id = "seconds", visible = false }],
          [{ expression = "seconds / 3600", label = "oldest", id = "hours" }],
        ]
        yAxis       = { left = { min = 0, label = "hours", showUnits = false } }
        annotations = { horizontal = [{ value = var.recovery_point_objective_hours, label = "objective" }] }
      })
    },
  ]

  by_region = [
    for graph in [
      { title = "Snapshots created", metric = "SnapshotsCreateStarted", statistic = "Sum" },
      { title = "Most snapshots that one run failed to create", metric = "SnapshotsCreateFailed", statistic = "Maximum" }, # a retry counts the same failures again
      { title = "Snapshots deleted", metric = "SnapshotsDeleteCompleted", statistic = "Sum" },
      ] : {
      type   = "metric"
      width  = 8
      height = 6
      properties = merge(local.graph, {
        title   = "${graph.title}, by region"
        stacked = true
        metrics = [[{
          expression = "SEARCH('{EBSBackup,Policy,Region} Policy=\"${var.name}\" MetricName=\"${graph.metric}\"', '${graph.statistic}', 86400)"
          label      = "$${PROP('Dim.Region')}"
          id         = "regions"
        }]]
        yAxis = { left = { min = 0, showUnits = false } }
      })
    }
  ]

  operation = [
    {
      type   = "metric"
      width  = 6
      height = 6
      properties = merge(local.graph, {
        title       = "Longest run"
        metrics     = [["EBSBackup", "RunDuration", "Policy", var.name, { stat = "Maximum", label = "longest" }]]
        yAxis       = { left = { min = 0, label = "seconds", showUnits = false } }
        annotations = { horizontal = [for seconds in [var.timeout] : { value = seconds, label = "timeout" } if !local.has_state_machine] }
      })
    },
    {
      type   = "metric"
      width  = 6
      height = 6
      properties = merge(local.graph, {
        title = "Runs that fell short"
        metrics = [for label, metric in {
          "failed or stored no report" = "RunFailed"
          "could not read a region"    = "RegionsUnread"
          "selected no volume"         = "NothingSelected"
          "the deletion brake held"    = "DeletionBrake"
        } : ["EBSBackup", metric, "Policy", var.name, { stat = "Maximum", label = label }]]
        yAxis = { left = { min = 0, showUnits = false } }
      })
    },
    {
      type   = "metric"
      width  = 6
      height = 6
      properties = merge(local.graph, {
        title = "Deletions announced and made"
        metrics = [for label, metric in { announced = "SnapshotsAnnounced", deleted = "SnapshotsDeleteCompleted" } : [
          "EBSBackup", metric, "Policy", var.name, { stat = "Sum", label = label },
        ]]
        yAxis = { left = { min = 0, showUnits = false } }
      })
    },
    {
      type   = "metric"
      width  = 6
      height = 6
      properties = merge(local.graph, {
        title   = "Calls that EC2 throttled"
        metrics = [["EBSBackup", "ThrottledCalls", "Policy", var.name, { stat = "Sum", label = "throttled" }]]
        yAxis   = { left = { min = 0, showUnits = false } }
      })
    },
    {
      type   = "log"
      width  = 24
      height = 8
      properties = {
        region = local.region
        title  = "Problems"
        view   = "table"
        query = join("\n| ", [
          "SOURCE '${aws_cloudwatch_log_group.backup.name}' | fields @timestamp, level, message, region, volume_id, snapshot_id, operation, error_code, error_message",
          "filter level in ['WARNING', 'ERROR', 'CRITICAL']",
          "sort @timestamp desc",
          "limit 100",
        ])
      }
    },
  ]
}

resource "aws_cloudwatch_dashboard" "backup" {
  count = var.dashboard_enabled ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({
    start          = "-P30D"
    periodOverride = "inherit" # otherwise graphs of a long time have a period above a day
    widgets        = concat(local.overview, local.by_region, local.operation)
  })
}
