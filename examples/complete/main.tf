terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Every variable of the module, in an account that has its own bucket, key, permissions boundary and topic.

provider "aws" {
  region = "eu-west-1"
}

variable "bucket" {
  description = "Name of an existing bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the bucket by default."
  type        = string
}

variable "on_call_topic_arn" {
  description = "ARN of an SNS topic for the alarms."
  type        = string
}

locals {
  name = "production-backup"
}

module "ebs_backup" {
  source = "../.."

  # What is backed up
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
  schedule_expression = "cron(30 1,13 ? * MON-FRI *)" # the longest time between two runs is 60 hours, at the weekend
  schedule_enabled    = true

  # Where and how it runs
  engine                         = "step_functions"
  request_rates                  = { CreateSnapshot = 4, CreateSnapshots = 4 } # EC2 allows 5 of each; other tools have the rest
  request_bursts                 = { CreateSnapshot = 80, CreateSnapshots = 80 }
  bucket                         = var.bucket
  bucket_force_destroy           = false # has no effect on an existing bucket
  memory_size                    = 1024
  timeout                        = 600
  architecture                   = "arm64"
  reserved_concurrent_executions = 20 # at most 20 regions at a time; AWS keeps 100 of the account unreserved
  kms_key_arn                    = var.kms_key_arn
  permissions_boundary           = aws_iam_policy.boundary.arn
  role_path                      = "/automation/"
  tags                           = { Project = local.name }

  # What is kept, and for how long
  retention             = { last = 3, daily = 14, weekly = 8, monthly = 12, yearly = 3 }
  confirmed_retention   = null # retention_code, once a retention shall delete what an earlier one keeps
  deletion_delay_days   = 7
  orphan_retention_days = 180
  log_retention_in_days = 365
  log_level             = "INFO"
  report_retention_days = null # has no effect on an existing bucket

  # Alarms and dashboard
  recovery_point_objective_hours = 62
  notification_emails            = ["backup@example.com"]
  alarm_actions                  = [var.on_call_topic_arn]
  dashboard_enabled              = true
}

# The boundary of the module's roles: the most that they may ever do.
resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_288:a boundary grants nothing and only limits what a policy grants
  #checkov:skip=CKV_AWS_290:a boundary grants nothing and only limits what a policy grants
  #checkov:skip=CKV_AWS_355:a boundary grants nothing and only limits what a policy grants

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

output "state_machine_arn" {
  description = "ARN of the state machine, to start a run by hand."
  value       = module.ebs_backup.state_machine_arn
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}

output "retention" {
  description = "Retention in words."
  value       = module.ebs_backup.retention
}

output "deployment" {
  description = "Settings of the function, for ebs-backup plan --deployment FILE."
  value       = module.ebs_backup.deployment
}

output "role_policy" {
  description = "Permissions of the run role, within the boundary."
  value       = module.ebs_backup.role_policy
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.ebs_backup.alarm_names
}

output "reports_url" {
  description = "Page of the AWS console that lists the reports."
  value       = module.ebs_backup.reports_url
}
