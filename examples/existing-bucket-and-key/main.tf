terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# A bucket and a key that the account may have already, and the module that uses them.

provider "aws" {
  region = local.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name      = "platform-backup"
  region    = "eu-west-1"
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
}

module "ebs_backup" {
  source = "../.."

  name        = local.name
  bucket      = aws_s3_bucket.artifacts.bucket
  kms_key_arn = aws_kms_key.backup.arn
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:an example, and the account decides whether to log who reads the reports
  #checkov:skip=CKV_AWS_144:an example, and the snapshots carry the facts of the reports as tags
  #checkov:skip=CKV2_AWS_62:no service waits for a report

  # The name is known at plan time, so the plan knows that the module makes no bucket.
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
      kms_master_key_id = aws_kms_key.backup.arn # the run role may use this key alone
    }
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

# The module leaves the lifecycle of an existing bucket to its owner. Without these rules reports and rounds stay for ever.
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

resource "aws_kms_key" "backup" {
  description         = "Encrypts what ${local.name} stores: package, reports, environment, logs and queues."
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The IAM policies of the account decide, such as that of the run role.
      {
        Sid       = "AllowAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
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
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*" }
        }
      },
      # EventBridge sends undelivered events to their encrypted queue. AWS documents this statement without a condition.
      {
        Sid       = "AllowEventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      },
    ]
  })
}

output "bucket_name" {
  description = "Name of the bucket."
  value       = module.ebs_backup.bucket_name
}

output "kms_key_arn" {
  description = "ARN of the key."
  value       = aws_kms_key.backup.arn
}

output "rule_name" {
  description = "Name of the schedule's EventBridge rule."
  value       = module.ebs_backup.rule_name
}
