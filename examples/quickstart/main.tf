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

# Every day at 03:00 UTC: a snapshot of every in-use volume, in every region the account has enabled.
module "ebs_backup" {
  source = "../.."

  schedule_expression = "cron(0 3 * * ? *)"

  snapshot_tags = {
    CostCenter = "backup"
  }
}

output "function_name" {
  description = "Function to invoke for a run by hand."
  value       = module.ebs_backup.function_name
}

output "rule_name" {
  description = "EventBridge rule that is the schedule."
  value       = module.ebs_backup.rule_name
}

output "snapshot_filter" {
  description = "Filter that lists the snapshots: aws ec2 describe-snapshots --owner-ids self --filters <snapshot_filter>."
  value       = module.ebs_backup.snapshot_filter
}

output "failed_runs_queue_url" {
  description = "Queue to look into when a run has failed."
  value       = module.ebs_backup.failed_runs_queue_url
}
