# The bucket for package and reports, unless the deployment uses an existing one.

resource "aws_s3_bucket" "own" {
  #checkov:skip=CKV_AWS_18:only runs and Terraform write here, and CloudTrail's data events can log them
  #checkov:skip=CKV_AWS_21:every package and every report has a key of its own, the run role cannot delete, and expired reports are to be gone
  #checkov:skip=CKV_AWS_144:an apply makes the package again, and the snapshots carry the facts of the reports as tags
  #checkov:skip=CKV2_AWS_62:no service waits for a report

  count = var.bucket == null ? 1 : 0

  bucket        = local.bucket
  force_destroy = var.bucket_force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "own" {
  count = length(aws_s3_bucket.own)

  bucket                  = aws_s3_bucket.own[count.index].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "own" {
  count = length(aws_s3_bucket.own)

  bucket = aws_s3_bucket.own[count.index].bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "own" {
  count = length(aws_s3_bucket.own)

  bucket = aws_s3_bucket.own[count.index].bucket

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "own" {
  #checkov:skip=CKV_AWS_300:the last rule does it, but checkov overlooks a rule beside a dynamic one

  count = length(aws_s3_bucket.own)

  bucket = aws_s3_bucket.own[count.index].bucket

  dynamic "rule" {
    for_each = var.report_retention_days == null ? [] : [var.report_retention_days]

    content {
      id     = "reports"
      status = "Enabled"

      filter {
        prefix = local.report_prefix
      }

      expiration {
        days = rule.value
      }
    }
  }

  # The results of rounds. The rule also stays with engine = "lambda", so that it removes what a state machine left.
  rule {
    id     = "rounds"
    status = "Enabled"

    filter {
      prefix = local.rounds_prefix
    }

    expiration {
      days = 7
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
}

resource "aws_s3_bucket_policy" "own" {
  count = length(aws_s3_bucket.own)

  bucket = aws_s3_bucket.own[count.index].bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
