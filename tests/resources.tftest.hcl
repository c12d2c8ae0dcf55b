# What is provisioned, and how one part refers to the next.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

override_resource {
  target          = aws_sqs_queue.undelivered
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-undelivered"
  }
}

override_resource {
  target          = aws_sqs_queue.failed_runs
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-failed-runs"
  }
}

run "the_function_runs_the_package_as_configured" {
  command = plan

  assert {
    condition = alltrue([
      aws_lambda_function.backup.function_name == "ebs-backup",
      aws_lambda_function.backup.handler == "ebs_backup.handler.lambda_handler",
      aws_lambda_function.backup.runtime == "python3.13",
      aws_lambda_function.backup.architectures == tolist(["arm64"]),
      aws_lambda_function.backup.memory_size == 512,
      aws_lambda_function.backup.timeout == 900,
      aws_lambda_function.backup.reserved_concurrent_executions == -1,
      aws_lambda_function.backup.role == "arn:aws:iam::111122223333:role/ebs-backup",
      aws_lambda_function.backup.kms_key_arn == null,
    ])
    error_message = "The function has the defaults that the variables state."
  }

  assert {
    condition = alltrue([
      aws_lambda_function.backup.s3_bucket == "ebs-backup-111122223333",
      can(regex("^ebs-backup/[0-9a-f]{64}[.]zip$", aws_lambda_function.backup.s3_key)),
      aws_lambda_function.backup.s3_key == aws_s3_object.package.key,
    ])
    error_message = "The package lies under a key that changes with its content."
  }

  assert {
    condition     = keys(aws_lambda_function.backup.environment[0].variables) == tolist(["POLICY"])
    error_message = "One variable configures the function."
  }

  assert {
    condition = jsondecode(aws_lambda_function.backup.environment[0].variables["POLICY"]) == {
      name                           = "ebs-backup"
      tag_prefix                     = "ebs-backup:"
      regions                        = []
      exclude_regions                = []
      expected_denied_regions        = []
      include_tags                   = {}
      exclude_tags                   = {}
      multi_volume_snapshots         = true
      copy_volume_tags               = true
      snapshot_tags                  = {}
      retention                      = {}
      max_deletions_per_run          = 1000
      max_deletions_percent          = 50
      orphan_retention_days          = null
      recovery_point_objective_hours = 26
      report_bucket                  = "ebs-backup-111122223333"
      report_prefix                  = "ebs-backup/reports/"
      dry_run                        = false
      request_rates                  = {}
      request_bursts                 = {}
    }
    error_message = "The policy says everything, defaults included."
  }

  assert {
    condition     = output.retention == "keep every snapshot"
    error_message = "Nothing is deleted unless somebody asks for it."
  }

  assert {
    condition = aws_lambda_function.backup.logging_config == tolist([{
      log_group             = "/aws/lambda/ebs-backup"
      log_format            = "JSON"
      application_log_level = "INFO"
      system_log_level      = "INFO"
    }])
    error_message = "The function logs JSON into the module's own log group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.backup.name == "/aws/lambda/ebs-backup" && aws_cloudwatch_log_group.backup.retention_in_days == 90
    error_message = "The log group keeps the logs for 90 days."
  }

  assert {
    condition = alltrue([
      aws_lambda_function_event_invoke_config.backup.function_name == "ebs-backup",
      aws_lambda_function_event_invoke_config.backup.maximum_retry_attempts == 2,
      aws_lambda_function_event_invoke_config.backup.maximum_event_age_in_seconds == 6 * 3600,
      aws_lambda_function_event_invoke_config.backup.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_runs.arn,
    ])
    error_message = "A failed run is tried twice more within six hours, and then reported."
  }
}

run "every_choice_reaches_the_function" {
  command = plan

  variables {
    name                           = "nightly"
    tag_prefix                     = "acme/"
    regions                        = ["us-east-1", "eu-west-1"]
    expected_denied_regions        = ["us-east-1"]
    include_tags                   = { Environment = "prod*" }
    exclude_tags                   = { Backup = "never" }
    multi_volume_snapshots         = false
    copy_volume_tags               = false
    snapshot_tags                  = { CostCenter = "<backup> & co" }
    dry_run                        = true
    retention                      = { last = 3, daily = 7, weekly = 0 }
    max_deletions_per_run          = 200
    max_deletions_percent          = 25
    orphan_retention_days          = 90
    recovery_point_objective_hours = 12.5
    request_rates                  = { CreateSnapshot = 2.5, DeleteSnapshot = 1 }
    request_bursts                 = { CreateSnapshots = 50 }
    bucket                         = "acme-artifacts"
    memory_size                    = 1024
    timeout                        = 60
    architecture                   = "x86_64"
    reserved_concurrent_executions = 1
    log_retention_in_days          = 0
    log_level                      = "DEBUG"
  }

  assert {
    condition = jsondecode(aws_lambda_function.backup.environment[0].variables["POLICY"]) == {
      name                           = "nightly"
      tag_prefix                     = "acme/"
      regions                        = ["eu-west-1", "us-east-1"]
      exclude_regions                = []
      expected_denied_regions        = ["us-east-1"]
      include_tags                   = { Environment = "prod*" }
      exclude_tags                   = { Backup = "never" }
      multi_volume_snapshots         = false
      copy_volume_tags               = false
      snapshot_tags                  = { CostCenter = "<backup> & co" }
      retention                      = { last = 3, daily = 7, weekly = 0 }
      max_deletions_per_run          = 200
      max_deletions_percent          = 25
      orphan_retention_days          = 90
      recovery_point_objective_hours = 12.5
      report_bucket                  = "acme-artifacts"
      report_prefix                  = "nightly/reports/"
      dry_run                        = true
      request_rates                  = { CreateSnapshot = 2.5, DeleteSnapshot = 1 }
      request_bursts                 = { CreateSnapshots = 50 }
    }
    error_message = "The policy holds what was chosen, lists in order."
  }

  assert {
    condition     = output.retention == "keep 3 last, 7 daily"
    error_message = "What becomes of older snapshots can be read."
  }

  assert {
    condition = alltrue([
      aws_lambda_function.backup.memory_size == 1024,
      aws_lambda_function.backup.timeout == 60,
      aws_lambda_function.backup.architectures == tolist(["x86_64"]),
      aws_lambda_function.backup.reserved_concurrent_executions == 1,
      aws_lambda_function.backup.logging_config[0].application_log_level == "DEBUG",
      aws_cloudwatch_log_group.backup.retention_in_days == 0,
    ])
    error_message = "The function is what was chosen."
  }

  assert {
    condition = [
      aws_lambda_function.backup.function_name,
      aws_iam_role.run.name,
      aws_cloudwatch_event_rule.schedule.name,
      aws_cloudwatch_log_group.backup.name,
      aws_sqs_queue.undelivered.name,
      aws_sqs_queue.failed_runs.name,
    ] == ["nightly", "nightly", "nightly", "/aws/lambda/nightly", "nightly-undelivered", "nightly-failed-runs"]
    error_message = "Everything bears the deployment's name."
  }
}

run "excluded_regions_reach_the_function" {
  command = plan

  variables {
    exclude_regions = ["us-west-2", "us-west-1"]
  }

  assert {
    condition     = jsondecode(aws_lambda_function.backup.environment[0].variables["POLICY"]).exclude_regions == ["us-west-1", "us-west-2"]
    error_message = "The policy leaves out what was excluded."
  }
}

run "the_schedule_runs_the_function_and_nobody_else_does" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_rule.schedule.schedule_expression == "cron(0 3 * * ? *)" && aws_cloudwatch_event_rule.schedule.state == "ENABLED"
    error_message = "The schedule is every day at 03:00 UTC."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_event_target.schedule.rule == "ebs-backup",
      aws_cloudwatch_event_target.schedule.arn == aws_lambda_function.backup.arn,
      aws_cloudwatch_event_target.schedule.input == null,
      length(aws_cloudwatch_event_target.schedule.input_transformer) == 0,
    ])
    error_message = "The rule hands its event, with the time that names the run, to the function."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_event_target.schedule.retry_policy[0].maximum_retry_attempts == 185,
      aws_cloudwatch_event_target.schedule.retry_policy[0].maximum_event_age_in_seconds == 6 * 3600,
      aws_cloudwatch_event_target.schedule.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn,
    ])
    error_message = "An event that cannot be delivered within six hours is kept."
  }

  assert {
    condition = alltrue([
      aws_lambda_permission.schedule[0].action == "lambda:InvokeFunction",
      aws_lambda_permission.schedule[0].function_name == "ebs-backup",
      aws_lambda_permission.schedule[0].principal == "events.amazonaws.com",
      aws_lambda_permission.schedule[0].source_arn == aws_cloudwatch_event_rule.schedule.arn,
    ])
    error_message = "This one rule may invoke the function."
  }
}

run "a_disabled_schedule_stays_as_it_is" {
  command = plan

  variables {
    schedule_enabled    = false
    schedule_expression = "rate(12 hours)"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule.state == "DISABLED" && aws_cloudwatch_event_rule.schedule.schedule_expression == "rate(12 hours)"
    error_message = "The rule is there and does not run."
  }
}

run "the_queues_keep_failures_for_14_days_and_take_them_from_the_right_sender" {
  command = plan

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.undelivered, aws_sqs_queue.failed_runs] :
      queue.message_retention_seconds == 14 * 24 * 3600 && queue.sqs_managed_sse_enabled == true && queue.kms_master_key_id == null
    ])
    error_message = "Both queues are encrypted and keep messages as long as SQS can."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.undelivered.policy).Statement == [
      {
        Sid       = "AllowSchedule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/ebs-backup" } }
      },
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
    error_message = "EventBridge may send events of this one rule, over TLS."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.failed_runs.policy).Statement == [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "Whoever sends failed runs does it over TLS."
  }
}

run "the_bucket_is_private" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.own[0].block_public_acls,
      aws_s3_bucket_public_access_block.own[0].block_public_policy,
      aws_s3_bucket_public_access_block.own[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.own[0].restrict_public_buckets,
      aws_s3_bucket_ownership_controls.own[0].rule[0].object_ownership == "BucketOwnerEnforced",
    ])
    error_message = "Nothing in the bucket can be made public, or belong to anybody else."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.own[0].rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    ])
    error_message = "The bucket is encrypted."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.own[0].policy).Statement == [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::ebs-backup-111122223333", "arn:aws:s3:::ebs-backup-111122223333/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The bucket answers over TLS only."
  }

  assert {
    condition     = aws_s3_bucket.own[0].bucket == "ebs-backup-111122223333" && !aws_s3_bucket.own[0].force_destroy
    error_message = "The bucket bears the deployment's name, and is not destroyed together with what the runs put into it."
  }
}

run "reports_expire_and_the_package_does_not" {
  command = plan

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.own[0].rule :
      { prefix = rule.filter[0].prefix, days = rule.expiration[0].days } if rule.id == "reports" && rule.status == "Enabled"
    ] == [{ prefix = "ebs-backup/reports/", days = 400 }]
    error_message = "Reports are kept for 400 days."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.own[0].rule :
      { prefix = rule.filter[0].prefix, days = rule.expiration[0].days } if rule.id == "rounds" && rule.status == "Enabled"
    ] == [{ prefix = "ebs-backup/rounds/", days = 7 }]
    error_message = "What was kept while a run lasted is kept for a week, for whoever looks into one that had no end."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket_lifecycle_configuration.own[0].rule : rule.id if length(rule.expiration) > 0
    ] == ["reports", "rounds"]
    error_message = "Nothing else expires but what was kept while a run lasted, with whichever engine."
  }
}

run "reports_can_be_kept_for_ever_and_destroyed_with_the_bucket" {
  command = plan

  variables {
    report_retention_days = null
    bucket_force_destroy  = true
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.own[0].rule[*].id == tolist(["rounds", "unfinished-uploads"])
    error_message = "No report expires."
  }

  assert {
    condition     = aws_s3_bucket.own[0].force_destroy
    error_message = "Whoever asks for it can destroy the reports."
  }
}

run "an_existing_bucket_gets_the_package_and_is_otherwise_left_alone" {
  command = plan

  variables {
    bucket = "acme-artifacts"
  }

  assert {
    condition = sum([
      length(aws_s3_bucket.own),
      length(aws_s3_bucket_public_access_block.own),
      length(aws_s3_bucket_ownership_controls.own),
      length(aws_s3_bucket_server_side_encryption_configuration.own),
      length(aws_s3_bucket_lifecycle_configuration.own),
      length(aws_s3_bucket_policy.own),
    ]) == 0
    error_message = "No bucket is made, and none is changed."
  }

  assert {
    condition     = aws_s3_object.package.bucket == "acme-artifacts" && aws_lambda_function.backup.s3_bucket == "acme-artifacts"
    error_message = "The package goes there and is read from there."
  }

  assert {
    condition     = output.bucket_name == "acme-artifacts"
    error_message = "The output names the bucket in use."
  }
}

run "a_key_encrypts_all_that_is_stored" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = [for key in [
      aws_s3_object.package.kms_key_id,
      one([for rule in aws_s3_bucket_server_side_encryption_configuration.own[0].rule : rule.apply_server_side_encryption_by_default[0].kms_master_key_id]),
      aws_lambda_function.backup.kms_key_arn,
      aws_cloudwatch_log_group.backup.kms_key_id,
      aws_sqs_queue.undelivered.kms_master_key_id,
      aws_sqs_queue.failed_runs.kms_master_key_id,
    ] : key if key != var.kms_key_arn] == []
    error_message = "Package, bucket, environment, logs and both queues are encrypted with the key."
  }

  assert {
    condition = one([for rule in aws_s3_bucket_server_side_encryption_configuration.own[0].rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    ])
    error_message = "The bucket uses the key by default, through a bucket key."
  }
}

run "tags_are_on_everything_that_takes_them_but_the_package" {
  command = plan

  variables {
    tags = { Team = "platform" }
  }

  assert {
    condition = alltrue([
      for resource in [
        aws_cloudwatch_event_rule.schedule,
        aws_cloudwatch_log_group.backup,
        aws_iam_role.run,
        aws_lambda_function.backup,
        aws_s3_bucket.own[0],
        aws_sqs_queue.failed_runs,
        aws_sqs_queue.undelivered,
      ] : resource.tags == tomap({ Team = "platform" })
    ])
    error_message = "Every resource carries the tags."
  }

  assert {
    condition     = aws_s3_object.package.tags == null && length(aws_s3_object.package.override_provider) == 1
    error_message = "The object has none, not even the provider's default tags, of which there may be more than an object takes."
  }
}

run "a_policy_as_large_as_lambda_takes_is_accepted" {
  command = plan

  variables {
    snapshot_tags = merge(
      { for number in range(13) : format("key%02d", number) => join("", [for character in range(256) : "v"]) },
      { last = join("", [for character in range(8) : "v"]) },
    )
  }

  assert {
    condition     = local.environment_bytes == 4096
    error_message = "The example is at the limit, or it shows nothing."
  }
}

run "a_policy_larger_than_lambda_takes_is_refused" {
  command = plan

  variables {
    snapshot_tags = merge(
      { for number in range(13) : format("key%02d", number) => join("", [for character in range(256) : "v"]) },
      { last = join("", [for character in range(9) : "v"]) },
    )
  }

  expect_failures = [aws_lambda_function.backup]
}

run "the_size_of_a_policy_is_counted_in_bytes" {
  command = plan

  variables {
    snapshot_tags = { for number in range(4) : "key${number}" => join("", [for character in range(250) : "𝄞"]) }
  }

  expect_failures = [aws_lambda_function.backup]
}

run "the_outputs_name_what_was_made" {
  command = plan

  variables {
    tag_prefix = "acme/"
  }

  assert {
    condition = {
      function_name         = output.function_name
      function_arn          = output.function_arn
      role_name             = output.role_name
      role_arn              = output.role_arn
      rule_name             = output.rule_name
      rule_arn              = output.rule_arn
      log_group_name        = output.log_group_name
      bucket_name           = output.bucket_name
      undelivered_queue_arn = output.undelivered_queue_arn
      undelivered_queue_url = output.undelivered_queue_url
      failed_runs_queue_arn = output.failed_runs_queue_arn
      failed_runs_queue_url = output.failed_runs_queue_url
      report_prefix         = output.report_prefix
      reports_url           = output.reports_url
      snapshot_filter       = output.snapshot_filter
      } == {
      function_name         = "ebs-backup"
      function_arn          = "arn:aws:lambda:eu-west-1:111122223333:function:ebs-backup"
      role_name             = "ebs-backup"
      role_arn              = "arn:aws:iam::111122223333:role/ebs-backup"
      rule_name             = "ebs-backup"
      rule_arn              = "arn:aws:events:eu-west-1:111122223333:rule/ebs-backup"
      log_group_name        = "/aws/lambda/ebs-backup"
      bucket_name           = "ebs-backup-111122223333"
      undelivered_queue_arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered"
      undelivered_queue_url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-undelivered"
      failed_runs_queue_arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
      failed_runs_queue_url = "https://sqs.eu-west-1.amazonaws.com/111122223333/ebs-backup-failed-runs"
      report_prefix         = "ebs-backup/reports/"
      reports_url           = "https://eu-west-1.console.aws.amazon.com/s3/buckets/ebs-backup-111122223333?region=eu-west-1&prefix=ebs-backup/reports/"
      snapshot_filter       = "Name=tag:acme/Policy,Values=ebs-backup"
    }
    error_message = "Each output is the thing it is named after."
  }

  assert {
    condition     = output.role_policy == aws_iam_role_policy.run.policy && output.deployment == aws_lambda_function.backup.environment[0].variables["POLICY"]
    error_message = "What the role may do and what the function is told can be read."
  }
}
