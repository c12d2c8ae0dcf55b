# The borders of every variable, through the whole module. tests/terraform/test_messages.py has the values that a variable
# refuses, and the words of each refusal.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
}

run "module_accepts_the_least_values" {
  command = plan

  variables {
    name                           = "a"
    regions                        = ["eu-west-1"]
    exclude_regions                = ["us-east-1"]
    expected_denied_regions        = ["us-gov-west-1"]
    include_tags                   = { k = "" }
    exclude_tags                   = { k = "*" }
    snapshot_tags                  = { k = "" }
    tag_prefix                     = "e"
    schedule_expression            = "rate(1 minute)"
    bucket                         = "abc"
    engine                         = "step_functions"
    request_rates                  = { CreateSnapshot = 0.1 }
    request_bursts                 = { CreateTags = 1 }
    memory_size                    = 128
    timeout                        = 60
    architecture                   = "arm64"
    reserved_concurrent_executions = 1
    retention                      = { last = 1 }
    confirmed_retention            = "8f9085c5"
    deletion_delay_days            = 1
    orphan_retention_days          = 1
    log_retention_in_days          = 0
    log_level                      = "DEBUG"
    report_retention_days          = 1
    recovery_point_objective_hours = 0.1
    notification_emails            = ["a@b.c"]
    alarm_actions                  = ["arn:aws:sns:eu-west-1:111122223333:a"]
    dashboard_enabled              = false
    bucket_force_destroy           = false
    kms_key_arn                    = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    permissions_boundary           = "arn:aws:iam::111122223333:policy/b"
    role_path                      = "/a/"
    tags                           = { k = "" }
  }
}

run "module_accepts_the_greatest_values" {
  command = plan

  variables {
    name                           = join("", [for character in range(36) : "n"])
    include_tags                   = { (join("", [for character in range(128) : "k"])) = join("", [for character in range(256) : "v"]) }
    exclude_tags                   = { (join("", [for character in range(128) : "x"])) = join("", [for character in range(256) : "v"]) }
    snapshot_tags                  = { for number in range(38) : "key${number}" => "value" }
    tag_prefix                     = join("", [for character in range(112) : "p"])
    schedule_expression            = "cron(0-30/5,59 */12 ? JAN-MAR,12 MON#5 2026-2199)"
    bucket                         = join("", [for character in range(63) : "b"])
    engine                         = "lambda"
    request_rates                  = { CreateSnapshot = 1000, CreateSnapshots = 1000, CreateTags = 1000, DeleteSnapshot = 1000 }
    request_bursts                 = { CreateSnapshot = 1000, CreateSnapshots = 1000, CreateTags = 1000, DeleteSnapshot = 1000 }
    memory_size                    = 10240
    timeout                        = 900
    architecture                   = "x86_64"
    reserved_concurrent_executions = -1
    retention                      = { last = 0, hourly = 10000, daily = 400, weekly = 60, monthly = 24, yearly = 10 }
    confirmed_retention            = "7b947816"
    deletion_delay_days            = 365
    orphan_retention_days          = 36500
    log_retention_in_days          = 3653
    log_level                      = "INFO"
    report_retention_days          = 36500
    recovery_point_objective_hours = 87600
    notification_emails            = []
    alarm_actions                  = [for number in range(5) : "arn:aws:sns:eu-west-1:111122223333:topic${number}"]
    dashboard_enabled              = true
    bucket_force_destroy           = true
    role_path                      = "/${join("", [for character in range(510) : "p"])}/"
    tags                           = { for number in range(50) : "key${number}" => "value" }
  }
}

run "null_means_the_default" {
  command = plan

  variables {
    name                           = null
    regions                        = null
    exclude_regions                = null
    expected_denied_regions        = null
    include_tags                   = null
    exclude_tags                   = null
    multi_volume_snapshots         = null
    copy_volume_tags               = null
    snapshot_tags                  = null
    tag_prefix                     = null
    dry_run                        = null
    schedule_expression            = null
    schedule_enabled               = null
    engine                         = null
    request_rates                  = null
    request_bursts                 = null
    memory_size                    = null
    timeout                        = null
    architecture                   = null
    reserved_concurrent_executions = null
    retention                      = null
    confirmed_retention            = null
    deletion_delay_days            = null
    log_retention_in_days          = null
    log_level                      = null
    recovery_point_objective_hours = null
    notification_emails            = null
    alarm_actions                  = null
    dashboard_enabled              = null
    bucket_force_destroy           = null
    role_path                      = null
    tags                           = null
  }

  expect_failures = [check.notification]

  assert {
    condition     = aws_lambda_function.backup.function_name == "ebs-backup" && aws_cloudwatch_event_rule.schedule.state == "ENABLED"
    error_message = "A caller that passes null on gets the defaults."
  }
}
