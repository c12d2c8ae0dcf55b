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
  region = "eu-west-1"
}

# Every day at 03:00 UTC: a snapshot of every in-use volume, in every enabled region of the account.
module "ebs_backup" {
  source = "../.."

  dry_run = false # as a first step set it to true: runs then only report what they would do

  snapshot_tags = {
    CostCenter = "backup"
  }
}

output "function_name" {
  description = "Name of the function, to start a run by hand."
  value       = module.ebs_backup.function_name
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}

output "reports_url" {
  description = "Page of the AWS console that lists the reports."
  value       = module.ebs_backup.reports_url
}

output "deployment" {
  description = "Settings for a preview: ebs-backup plan --deployment FILE."
  value       = module.ebs_backup.deployment
}

output "snapshot_filter" {
  description = "Filter that lists the snapshots: aws ec2 describe-snapshots --owner-ids self --filters <snapshot_filter>."
  value       = module.ebs_backup.snapshot_filter
}

output "failed_runs_queue_url" {
  description = "URL of the queue of failed runs."
  value       = module.ebs_backup.failed_runs_queue_url
}
