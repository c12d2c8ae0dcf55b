terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

module "ebs_backup" {
  source = "../.."

  retention             = { daily = 7, weekly = 4, monthly = 12 }
  orphan_retention_days = 90 # snapshots of a deleted volume go when the newest is 90 days old

  # The limits against a mistake: a run that plans more deletions in a region deletes nothing there and fails.
  max_deletions_per_run = 200
  max_deletions_percent = 25

  notification_emails = ["backup@example.com"]
}

output "retention" {
  description = "Retention in words."
  value       = module.ebs_backup.retention
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}
