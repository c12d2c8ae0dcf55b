# Every rule of every variable, at its borders, through the whole module. Which words a refusal is answered with, and many
# more values, are the business of tests/terraform/test_messages.py.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_defaults_are_enough" {
  command = plan
}

run "the_least_of_everything_is_accepted" {
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
    max_deletions_per_run          = 1
    max_deletions_percent          = 1
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

run "the_most_of_everything_is_accepted" {
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
    retention                      = { last = 0, hourly = 1000000, daily = 400, weekly = 60, monthly = 24, yearly = 10 }
    max_deletions_per_run          = 1000000
    max_deletions_percent          = 100
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

run "null_stands_for_the_default" {
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
    max_deletions_per_run          = null
    max_deletions_percent          = null
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

  assert {
    condition     = aws_lambda_function.backup.function_name == "ebs-backup" && aws_cloudwatch_event_rule.schedule.state == "ENABLED"
    error_message = "A caller that passes its own null through gets the defaults."
  }
}

run "forms_that_are_none_are_refused" {
  command = plan

  variables {
    name                    = "Backup"
    regions                 = ["eu-west-1a"]
    expected_denied_regions = ["Ireland"]
    include_tags            = { "" = "value" }
    tag_prefix              = "ebs backup:"
    schedule_expression     = "banana"
    bucket                  = "arn:aws:s3:::bucket"
    engine                  = "Lambda"
    request_rates           = { RunInstances = 5 }
    request_bursts          = { createSnapshot = 100 }
    architecture            = "x86"
    retention               = { dayly = 7 }
    log_level               = "debug"
    notification_emails     = ["backup"]
    kms_key_arn             = "alias/backup"
    permissions_boundary    = "boundary"
    role_path               = "automation"
    tags                    = { "a#b" = "value" }
  }

  expect_failures = [
    var.name,
    var.regions,
    var.expected_denied_regions,
    var.include_tags,
    var.tag_prefix,
    var.schedule_expression,
    var.bucket,
    var.engine,
    var.request_rates,
    var.request_bursts,
    var.architecture,
    var.retention,
    var.log_level,
    var.notification_emails,
    var.kms_key_arn,
    var.permissions_boundary,
    var.role_path,
    var.tags,
  ]
}

run "values_below_the_least_are_refused" {
  command = plan

  variables {
    name                           = ""
    tag_prefix                     = ""
    schedule_expression            = "rate(0 days)"
    bucket                         = "ab"
    request_rates                  = { CreateSnapshot = 0 }
    request_bursts                 = { CreateSnapshot = 0.9 }
    memory_size                    = 127
    timeout                        = 59
    reserved_concurrent_executions = 0
    retention                      = { daily = -1 }
    max_deletions_per_run          = 0
    max_deletions_percent          = 0
    log_retention_in_days          = -1
    report_retention_days          = 0
  }

  expect_failures = [
    var.name,
    var.tag_prefix,
    var.schedule_expression,
    var.bucket,
    var.request_rates,
    var.request_bursts,
    var.memory_size,
    var.timeout,
    var.reserved_concurrent_executions,
    var.retention,
    var.max_deletions_per_run,
    var.max_deletions_percent,
    var.log_retention_in_days,
    var.report_retention_days,
  ]
}

run "values_above_the_most_are_refused" {
  command = plan

  variables {
    name                  = join("", [for character in range(37) : "n"])
    include_tags          = { k = join("", [for character in range(257) : "v"]) }
    tag_prefix            = join("", [for character in range(113) : "p"])
    schedule_expression   = "cron(99 99 * * ? *)"
    bucket                = join("", [for character in range(64) : "b"])
    memory_size           = 10241
    timeout               = 901
    max_deletions_percent = 101
    log_retention_in_days = 3654
    alarm_actions         = [for number in range(6) : "arn:aws:sns:eu-west-1:111122223333:topic${number}"]
    role_path             = "/${join("", [for character in range(511) : "p"])}/"
    tags                  = { for number in range(51) : "key${number}" => "value" }
  }

  expect_failures = [
    var.name,
    var.include_tags,
    var.tag_prefix,
    var.schedule_expression,
    var.bucket,
    var.memory_size,
    var.timeout,
    var.max_deletions_percent,
    var.log_retention_in_days,
    var.alarm_actions,
    var.role_path,
    var.tags,
  ]
}

run "fractions_are_refused" {
  command = plan

  variables {
    memory_size                    = 512.5
    timeout                        = 60.5
    reserved_concurrent_executions = 1.5
    retention                      = { daily = 7.5 }
    max_deletions_per_run          = 1000.5
    max_deletions_percent          = 0.5
    log_retention_in_days          = 7.5
    report_retention_days          = 1.5
    schedule_expression            = "rate(1.5 hours)"
  }

  expect_failures = [
    var.memory_size,
    var.timeout,
    var.reserved_concurrent_executions,
    var.retention,
    var.max_deletions_per_run,
    var.max_deletions_percent,
    var.log_retention_in_days,
    var.report_retention_days,
    var.schedule_expression,
  ]
}

run "what_others_keep_for_themselves_is_refused" {
  command = plan

  variables {
    name       = "sthree-backup"
    tag_prefix = "AWS:backup:"
    tags       = { "aws:team" = "platform" }
  }

  expect_failures = [var.name, var.tag_prefix, var.tags]
}

run "snapshot_tags_leave_room_for_the_modules_own" {
  command = plan

  variables {
    snapshot_tags = { for number in range(39) : "key${number}" => "value" }
  }

  expect_failures = [var.snapshot_tags]
}

run "snapshot_tags_keep_to_the_lengths_of_ec2" {
  command = plan

  variables {
    snapshot_tags = { (join("", [for character in range(129) : "k"])) = "value" }
  }

  expect_failures = [var.snapshot_tags]
}

run "snapshot_tags_cannot_be_of_aws" {
  command = plan

  variables {
    snapshot_tags = { "Aws:team" = "platform" }
  }

  expect_failures = [var.snapshot_tags]
}

run "snapshot_tags_cannot_replace_the_name" {
  command = plan

  variables {
    snapshot_tags = { Name = "mine" }
  }

  expect_failures = [var.snapshot_tags]
}

run "snapshot_tags_cannot_forge_ownership" {
  command = plan

  variables {
    tag_prefix    = "acme/"
    snapshot_tags = { "Acme/policy" = "another" }
  }

  expect_failures = [var.snapshot_tags]
}

run "excluded_regions_have_the_form_of_regions" {
  command = plan

  variables {
    exclude_regions = ["eu-west"]
  }

  expect_failures = [var.exclude_regions]
}

run "a_region_is_asked_for_or_excluded_but_not_both" {
  command = plan

  variables {
    regions         = ["eu-west-1", "us-east-1"]
    exclude_regions = ["us-east-1"]
  }

  expect_failures = [var.exclude_regions]
}

run "excluding_tags_keep_to_the_lengths_of_ec2" {
  command = plan

  variables {
    exclude_tags = { k = join("", [for character in range(257) : "v"]) }
  }

  expect_failures = [var.exclude_tags]
}

run "a_tag_includes_or_excludes_but_not_both" {
  command = plan

  variables {
    include_tags = { Backup = "daily", Team = "a" }
    exclude_tags = { Backup = "daily" }
  }

  expect_failures = [var.exclude_tags]
}

run "a_rate_of_one_is_singular" {
  command = plan

  variables {
    schedule_expression = "rate(1 days)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_rate_above_one_is_plural" {
  command = plan

  variables {
    schedule_expression = "rate(5 hour)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_cron_expression_has_six_fields" {
  command = plan

  variables {
    schedule_expression = "cron(0 3 * * ?)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_cron_expression_names_one_kind_of_day" {
  command = plan

  variables {
    schedule_expression = "cron(0 3 * * * *)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_cron_expression_does_not_leave_both_kinds_of_day_open" {
  command = plan

  variables {
    schedule_expression = "cron(0 3 ? * ? *)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_rule_runs_more_than_once" {
  command = plan

  variables {
    schedule_expression = "at(2026-11-23T03:00:00)"
  }

  expect_failures = [var.schedule_expression]
}

run "a_retention_without_a_number_is_none" {
  command = plan

  variables {
    retention = { daily = null }
  }

  expect_failures = [var.retention]
}

run "a_retention_keeps_something" {
  command = plan

  variables {
    retention = { last = 0, daily = 0 }
  }

  expect_failures = [var.retention]
}

run "orphans_are_kept_for_a_day_at_least" {
  command = plan

  variables {
    retention             = { daily = 7 }
    orphan_retention_days = 0
  }

  expect_failures = [var.orphan_retention_days]
}

run "orphans_are_kept_for_whole_days" {
  command = plan

  variables {
    retention             = { daily = 7 }
    orphan_retention_days = 1.5
  }

  expect_failures = [var.orphan_retention_days]
}

run "orphans_are_deleted_only_if_anything_is" {
  command = plan

  variables {
    orphan_retention_days = 30
  }

  expect_failures = [var.orphan_retention_days]
}

run "the_objective_leaves_some_time" {
  command = plan

  variables {
    recovery_point_objective_hours = 0
  }

  expect_failures = [var.recovery_point_objective_hours]
}

run "the_objective_is_longer_than_the_time_between_two_runs" {
  command = plan

  variables {
    schedule_expression            = "rate(1 day)"
    recovery_point_objective_hours = 24
  }

  expect_failures = [var.recovery_point_objective_hours]
}

run "an_alarm_notifies_four_besides_the_topic" {
  command = plan

  variables {
    notification_emails = ["backup@example.com"]
    alarm_actions       = [for number in range(5) : "arn:aws:sns:eu-west-1:111122223333:topic${number}"]
  }

  expect_failures = [var.alarm_actions]
}

run "an_alarm_notifies_what_has_an_arn" {
  command = plan

  variables {
    alarm_actions = ["on-call"]
  }

  expect_failures = [var.alarm_actions]
}
