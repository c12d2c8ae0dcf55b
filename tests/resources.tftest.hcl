# How the module connects its resources, what it protects, and what the inputs change.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
}

override_resource {
  target          = aws_sqs_queue.undelivered
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-undelivered" }
}

override_resource {
  target          = aws_sqs_queue.failed_runs
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs" }
}

run "every_input_reaches_the_function" {
  command = plan

  variables {
    name                           = "nightly"
    tag_prefix                     = "acme/"
    regions                        = ["us-east-1", "eu-west-1"]
    exclude_regions                = ["us-west-2", "us-west-1"]
    expected_denied_regions        = ["us-east-1"]
    include_tags                   = { Environment = "prod*" }
    exclude_tags                   = { Backup = "never" }
    multi_volume_snapshots         = false
    copy_volume_tags               = false
    snapshot_tags                  = { CostCenter = "<backup> & co" }
    dry_run                        = true
    retention                      = { last = 3, daily = 7, weekly = 0 }
    deletion_delay_days            = 14
    confirmed_retention            = "63f808eb"
    orphan_retention_days          = 90
    recovery_point_objective_hours = 12.5
    request_rates                  = { CreateSnapshot = 2.5, DeleteSnapshot = 1 }
    request_bursts                 = { CreateSnapshots = 50 }
    bucket                         = "acme-artifacts"
    log_level                      = "DEBUG"
  }

  assert {
    condition = jsondecode(aws_lambda_function.backup.environment[0].variables["POLICY"]) == {
      name                           = "nightly"
      tag_prefix                     = "acme/"
      regions                        = ["eu-west-1", "us-east-1"]
      exclude_regions                = ["us-west-1", "us-west-2"]
      expected_denied_regions        = ["us-east-1"]
      include_tags                   = { Environment = "prod*" }
      exclude_tags                   = { Backup = "never" }
      multi_volume_snapshots         = false
      copy_volume_tags               = false
      snapshot_tags                  = { CostCenter = "<backup> & co" }
      retention                      = { last = 3, daily = 7, weekly = 0 }
      deletion_delay_days            = 14
      confirmed_retention            = "63f808eb"
      schedule_expression            = "cron(0 3 * * ? *)"
      created_at                     = "2026-11-25T03:00:00Z"
      account                        = "111122223333"
      orphan_retention_days          = 90
      recovery_point_objective_hours = 12.5
      report_bucket                  = "acme-artifacts"
      report_prefix                  = "nightly/reports/"
      dry_run                        = true
      request_rates                  = { CreateSnapshot = 2.5, DeleteSnapshot = 1 }
      request_bursts                 = { CreateSnapshots = 50 }
    }
    error_message = "The function gets every input, with lists in order."
  }

  assert {
    condition     = aws_lambda_function.backup.logging_config[0].log_format == "JSON" && aws_lambda_function.backup.logging_config[0].application_log_level == "DEBUG"
    error_message = "The function logs JSON, from which CloudWatch takes the metrics."
  }

  assert {
    condition = alltrue([
      for name in [
        aws_lambda_function.backup.function_name,
        aws_iam_role.run.name,
        aws_cloudwatch_event_rule.schedule.name,
        aws_cloudwatch_log_group.backup.name,
        aws_sqs_queue.undelivered.name,
        aws_sqs_queue.failed_runs.name,
      ] : strcontains(name, "nightly")
    ])
    error_message = "Two deployments with different names have no name in common."
  }
}

run "default_deletes_nothing" {
  command = plan

  assert {
    condition     = output.retention == "keep every snapshot" && jsondecode(output.deployment).retention == {}
    error_message = "A run deletes snapshots only if retention is set."
  }
}

run "package_key_follows_the_content" {
  command = plan

  assert {
    condition = alltrue([
      strcontains(aws_s3_object.package.key, module.package.sha256),
      aws_lambda_function.backup.s3_key == aws_s3_object.package.key,
      aws_lambda_function.backup.s3_bucket == aws_s3_object.package.bucket,
    ])
    error_message = "A change of the sources changes the key, and so updates the function."
  }
}

run "schedule_alone_may_invoke_the_function" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_target.schedule.input == null && length(aws_cloudwatch_event_target.schedule.input_transformer) == 0
    error_message = "The function gets the whole event, whose time names the run."
  }

  assert {
    condition     = aws_lambda_permission.schedule[0].principal == "events.amazonaws.com" && aws_lambda_permission.schedule[0].source_arn == aws_cloudwatch_event_rule.schedule.arn
    error_message = "Only this rule may invoke the function."
  }
}

run "queues_keep_failures" {
  command = plan

  assert {
    condition     = aws_cloudwatch_event_target.schedule.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
    error_message = "A queue keeps the events that EventBridge cannot deliver."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.backup.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed_runs.arn
    error_message = "A queue keeps the runs that failed for good."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.undelivered, aws_sqs_queue.failed_runs] : queue.sqs_managed_sse_enabled && queue.kms_master_key_id == null])
    error_message = "SQS encrypts both queues."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.undelivered.policy).Statement == [
      {
        Sid       = "AllowSchedule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.undelivered.arn
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/ebs-backup" } }
      },
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.undelivered.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
    error_message = "Only EventBridge, for this rule and over TLS, may send to the queue."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.failed_runs.policy).Statement : [statement.Effect, statement.Resource]] == [["Deny", aws_sqs_queue.failed_runs.arn]]
    error_message = "The queue of failed runs allows nothing by its own policy, and denies requests without TLS."
  }
}

run "schedule_stays_when_disabled" {
  command = plan

  variables {
    schedule_enabled    = false
    schedule_expression = "rate(12 hours)"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule.state == "DISABLED" && aws_cloudwatch_event_rule.schedule.schedule_expression == "rate(12 hours)"
    error_message = "The rule exists and starts no run."
  }
}

run "bucket_is_private" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.own[0].block_public_acls,
      aws_s3_bucket_public_access_block.own[0].block_public_policy,
      aws_s3_bucket_public_access_block.own[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.own[0].restrict_public_buckets,
      aws_s3_bucket_ownership_controls.own[0].rule[0].object_ownership == "BucketOwnerEnforced",
    ])
    error_message = "Nobody can make an object public, or own one in another account."
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
    error_message = "The bucket denies requests without TLS."
  }

  assert {
    condition     = !aws_s3_bucket.own[0].force_destroy
    error_message = "A destroy keeps a bucket with reports."
  }
}

run "reports_and_rounds_alone_expire" {
  command = plan

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.own[0].rule :
      rule.filter[0].prefix => rule.expiration[0].days if rule.status == "Enabled" && length(rule.expiration) > 0
    } == { "ebs-backup/reports/" = 400, "ebs-backup/rounds/" = 7 }
    error_message = "The package never expires."
  }
}

run "reports_stay_for_ever_if_asked" {
  command = plan

  variables {
    report_retention_days = null
    bucket_force_destroy  = true
  }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.own[0].rule : rule.id if length(rule.expiration) > 0] == ["rounds"]
    error_message = "No report expires."
  }

  assert {
    condition     = aws_s3_bucket.own[0].force_destroy
    error_message = "A destroy deletes the reports if the user asks for it."
  }
}

run "existing_bucket_stays_unchanged" {
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
    error_message = "The module neither makes a bucket nor changes one."
  }

  assert {
    condition     = [aws_s3_object.package.bucket, aws_lambda_function.backup.s3_bucket, output.bucket_name] == ["acme-artifacts", "acme-artifacts", "acme-artifacts"]
    error_message = "The package is in the existing bucket."
  }
}

run "key_encrypts_everything_stored" {
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
    error_message = "The key encrypts package, bucket, environment, logs and both queues."
  }

  assert {
    condition = one([for rule in aws_s3_bucket_server_side_encryption_configuration.own[0].rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    ])
    error_message = "The bucket uses a bucket key, which saves requests to KMS."
  }
}

run "tags_are_on_every_resource_but_the_package" {
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
    error_message = "The object has no tags: it takes ten, and the provider may have more default tags."
  }
}

run "environment_may_have_4096_bytes" {
  command = plan

  variables {
    snapshot_tags = merge(
      { for number in range(12) : format("key%02d", number) => join("", [for character in range(256) : "v"]) },
      { last = join("", [for character in range(198) : "v"]) },
    )
  }

  assert {
    condition     = local.environment_bytes == 4096
    error_message = "This case must be at the limit, or the next one shows nothing."
  }

  assert {
    condition     = length(jsonencode(aws_lambda_function.backup.environment[0].variables)) == 4096
    error_message = "The size is counted before it is known when the role was created, and holds afterwards."
  }
}

run "environment_above_4096_bytes_is_refused" {
  command = plan

  variables {
    snapshot_tags = merge(
      { for number in range(12) : format("key%02d", number) => join("", [for character in range(256) : "v"]) },
      { last = join("", [for character in range(199) : "v"]) },
    )
  }

  expect_failures = [aws_lambda_function.backup]
}

run "environment_is_counted_in_bytes" {
  command = plan

  variables {
    snapshot_tags = { for number in range(4) : "key${number}" => join("", [for character in range(250) : "𝄞"]) }
  }

  expect_failures = [aws_lambda_function.backup]
}
