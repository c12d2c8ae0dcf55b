# Every variable of the module, in an account that brings its own bucket, key and permissions boundary.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.76, != 5.86.0, < 7.0"
    }
  }
}

provider "aws" {
  region = local.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name    = "production-backup"
  region  = "eu-west-1"
  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"
}

module "ebs_backup" {
  source = "../.."

  # What
  name                    = local.name
  regions                 = []
  exclude_regions         = ["us-west-1"]
  expected_denied_regions = ["ap-south-1", "sa-east-1"]
  include_tags            = { Environment = "prod*" }
  exclude_tags            = { Backup = "never" }
  multi_volume_snapshots  = true
  copy_volume_tags        = true
  snapshot_tags           = { CostCenter = "backup", DataClass = "internal" }
  tag_prefix              = "acme:backup:"
  dry_run                 = false

  # When
  schedule_expression = "cron(30 1,13 ? * MON-FRI *)" # from Friday 13:30 to Monday 01:30 it is 60 hours
  schedule_enabled    = true

  # Where and how it runs
  engine                         = "step_functions"
  request_rates                  = { CreateSnapshot = 4, CreateSnapshots = 4 } # of 5 each: the rest is for what else makes snapshots
  request_bursts                 = { CreateSnapshot = 80, CreateSnapshots = 80 }
  bucket                         = aws_s3_bucket.artifacts.bucket
  bucket_force_destroy           = false # of no account while there is a bucket
  memory_size                    = 1024
  timeout                        = 600
  architecture                   = "arm64"
  reserved_concurrent_executions = 20 # so many regions at a time; AWS wants 100 of the account to stay unreserved
  kms_key_arn                    = aws_kms_key.backup.arn
  permissions_boundary           = aws_iam_policy.boundary.arn
  role_path                      = "/automation/"
  tags                           = { Project = local.name }

  # How long, and how much is told
  retention             = { last = 3, daily = 14, weekly = 8, monthly = 12, yearly = 3 }
  max_deletions_per_run = 500
  max_deletions_percent = 25
  orphan_retention_days = 180
  log_retention_in_days = 365
  log_level             = "INFO"
  report_retention_days = null # the bucket has a lifecycle of its own

  # Who is told, and of what
  recovery_point_objective_hours = 62
  notification_emails            = ["backup@example.com"]
  alarm_actions                  = [aws_sns_topic.on_call.arn]
  dashboard_enabled              = true
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:an example; whether to log who reads the reports is for the account to say
  #checkov:skip=CKV_AWS_144:an example; what is in it can be made again
  #checkov:skip=CKV2_AWS_62:nobody waits for a report

  # Named here, not by a prefix: the module must know when planning that it need not make a bucket.
  bucket = "${local.name}-artifacts-${local.account}"
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.bucket

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.backup.arn # that of the module, which is the one a run may use
    }
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

# What the module does in a bucket of its own, it leaves here to the bucket's owner.
resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.bucket

  rule {
    id     = "reports"
    status = "Enabled"

    filter {
      prefix = module.ebs_backup.report_prefix
    }

    expiration {
      days = 2557 # seven years
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  rule {
    id     = "rounds"
    status = "Enabled"

    filter {
      prefix = module.ebs_backup.rounds_prefix
    }

    expiration {
      days = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.artifacts]
}

resource "aws_sns_topic" "on_call" {
  name              = "${local.name}-on-call"
  kms_master_key_id = aws_kms_key.backup.arn
}

resource "aws_kms_key" "backup" {
  description         = "Encrypts package, reports, environment, logs, queues and topic of ${local.name}."
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The account's IAM policies decide, among them that of the run role.
      {
        Sid       = "AllowAccount"
        Effect    = "Allow"
        Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "AllowLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.${data.aws_partition.current.dns_suffix}" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for group in ["/aws/lambda/${local.name}", "/aws/vendedlogs/states/${local.name}"] :
              "${local.arn}:logs:${local.region}:${local.account}:log-group:${group}"
            ]
          }
        }
      },
      # To put an undelivered event into its encrypted queue. EventBridge documents this statement without a condition.
      {
        Sid       = "AllowEventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      },
      # To publish an alarm to its encrypted topic. CloudWatch documents this one without a condition, too.
      {
        Sid       = "AllowAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
    ]
  })
}

# The most that roles of this kind may ever be given; what each is given, the module decides.
resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_288:a boundary grants nothing, it only ends what is granted
  #checkov:skip=CKV_AWS_290:a boundary grants nothing, it only ends what is granted
  #checkov:skip=CKV_AWS_355:a boundary grants nothing, it only ends what is granted

  name        = "${local.name}-boundary"
  description = "Bounds what roles that back up volumes may do: they never delete a volume or share a snapshot."

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Backup"
      Effect = "Allow"
      Action = [
        "ec2:CreateSnapshot",
        "ec2:CreateSnapshots",
        "ec2:CreateTags",
        "ec2:DeleteSnapshot",
        "ec2:DescribeInstances",
        "ec2:DescribeRegions",
        "ec2:DescribeSnapshotAttribute",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "lambda:InvokeFunction",
        "logs:CreateLogDelivery",
        "logs:CreateLogStream",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutLogEvents",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:SendMessage",
        "states:StartExecution",
      ]
      Resource = "*"
    }]
  })
}

output "function_name" {
  description = "Function that makes the runs."
  value       = module.ebs_backup.function_name
}

output "state_machine_arn" {
  description = "State machine to start for a run by hand."
  value       = module.ebs_backup.state_machine_arn
}

output "rule_name" {
  description = "EventBridge rule that is the schedule."
  value       = module.ebs_backup.rule_name
}

output "retention" {
  description = "What becomes of older snapshots, in plain English."
  value       = module.ebs_backup.retention
}

output "role_policy" {
  description = "All that a run may do, within the boundary."
  value       = module.ebs_backup.role_policy
}

output "snapshot_filter" {
  description = "Filter that lists the snapshots: aws ec2 describe-snapshots --owner-ids self --filters <snapshot_filter>."
  value       = module.ebs_backup.snapshot_filter
}

output "policy" {
  description = "All that a run is told, for python -m ebs_backup plan --policy <(terraform output -raw policy)."
  value       = module.ebs_backup.policy
}

output "reports_url" {
  description = "Where to read the runs' reports."
  value       = module.ebs_backup.reports_url
}

output "alarm_names" {
  description = "Alarms that watch the runs."
  value       = module.ebs_backup.alarm_names
}

output "dashboard_name" {
  description = "Dashboard of the runs."
  value       = module.ebs_backup.dashboard_name
}

output "undelivered_queue_url" {
  description = "Queue of events that never reached the function."
  value       = module.ebs_backup.undelivered_queue_url
}

output "failed_runs_queue_url" {
  description = "Queue to look into when a run has failed."
  value       = module.ebs_backup.failed_runs_queue_url
}
