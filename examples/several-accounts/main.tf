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
  alias  = "production"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::111122223333:role/OrganizationAccountAccessRole"
  }
}

provider "aws" {
  alias  = "staging"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::444455556666:role/OrganizationAccountAccessRole"
  }
}

locals {
  # What all accounts have in common.
  exclude_tags        = { Backup = "never" }
  notification_emails = ["backup@example.com"]
}

module "production" {
  source    = "../.."
  providers = { aws = aws.production }

  retention           = { daily = 14, weekly = 8, monthly = 12 }
  exclude_tags        = local.exclude_tags
  notification_emails = local.notification_emails
}

module "staging" {
  source    = "../.."
  providers = { aws = aws.staging }

  retention           = { daily = 3 }
  exclude_tags        = local.exclude_tags
  notification_emails = local.notification_emails
}

output "reports_urls" {
  description = "Page of the AWS console that lists the reports, by account."
  value = {
    production = module.production.reports_url
    staging    = module.staging.reports_url
  }
}
