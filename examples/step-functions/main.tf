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

  name   = "large-backup"
  engine = "step_functions"

  # Only if AWS has raised the limits of your account, or if other tools need a part of them. EC2 allows 5 a second.
  request_rates = { CreateSnapshot = 4, CreateSnapshots = 4 }

  reserved_concurrent_executions = 20 # at most 20 regions at a time
}

output "state_machine_arn" {
  description = "ARN of the state machine, to start a run by hand."
  value       = module.ebs_backup.state_machine_arn
}

output "executions_url" {
  description = "Page of the AWS console that lists the executions."
  value       = module.ebs_backup.executions_url
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}
