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

  # A run announces each deletion by a tag on the snapshot. A later run deletes it, at the earliest after these days.
  deletion_delay_days = 7

  notification_emails = ["backup@example.com"]
}

output "retention" {
  description = "Retention in words."
  value       = module.ebs_backup.retention
}

output "retention_code" {
  description = "Code that confirms this retention, where snapshots were made under one that keeps more."
  value       = module.ebs_backup.retention_code
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}
