# The run role: what one run may do, and nothing besides. A feature's statement is there only if the feature is on.

locals {
  # A snapshot's ARN names no account.
  snapshots = "arn:${local.partition}:ec2:*::snapshot/*"
  volumes   = "arn:${local.partition}:ec2:*:${local.account}:volume/*"
  instances = "arn:${local.partition}:ec2:*:${local.account}:instance/*"

  create_calls     = concat(["CreateSnapshot"], var.multi_volume_snapshots ? ["CreateSnapshots"] : [])
  requested_region = length(var.regions) == 0 ? {} : { "aws:RequestedRegion" = var.regions }
  in_regions       = length(var.regions) == 0 ? null : { StringEquals = local.requested_region }
  owned            = merge({ "aws:ResourceTag/${var.tag_prefix}Policy" = var.name }, local.requested_region)

  # A null statement, and a null element of one, is left out of the policy.
  run_statements = [
    # EC2 lets none of these calls be narrowed to resources.
    {
      Sid       = "Observe"
      Action    = concat(["ec2:DescribeVolumes", "ec2:DescribeSnapshots"], var.multi_volume_snapshots ? ["ec2:DescribeInstances"] : [])
      Resource  = "*"
      Condition = local.in_regions
    },
    length(var.regions) > 0 ? null : {
      Sid      = "DiscoverRegions"
      Action   = ["ec2:DescribeRegions"]
      Resource = "*"
    },

    # IAM judges the creation of a snapshot once for each resource in it: the volume, the instance of a set, and the
    # snapshot itself. Only with the last come the tags of the request; a condition on them elsewhere would deny all.
    {
      Sid       = "SnapshotVolumes"
      Action    = [for call in local.create_calls : "ec2:${call}"]
      Resource  = local.volumes
      Condition = local.in_regions
    },
    !var.multi_volume_snapshots ? null : {
      Sid       = "SnapshotInstances"
      Action    = ["ec2:CreateSnapshots"]
      Resource  = local.instances
      Condition = local.in_regions
    },
    {
      Sid      = "CreateOwnedSnapshots"
      Action   = [for call in local.create_calls : "ec2:${call}"]
      Resource = local.snapshots
      Condition = {
        StringEquals = merge({ "aws:RequestTag/${var.tag_prefix}Policy" = var.name }, local.requested_region)
        Null         = { for key in ["RunId", "Region"] : "aws:RequestTag/${var.tag_prefix}${key}" => "false" }
      }
    },
    {
      Sid      = "TagOnCreate"
      Action   = ["ec2:CreateTags"]
      Resource = local.snapshots
      Condition = {
        StringEquals = merge({ "ec2:CreateAction" = local.create_calls }, local.requested_region)
      }
    },

    # The snapshots of a set are created with the same tags, so each one's own follow; ownership, run and region stay
    # what they were at creation.
    !var.multi_volume_snapshots ? null : {
      Sid      = "CompleteTags"
      Action   = ["ec2:CreateTags"]
      Resource = local.snapshots
      Condition = {
        StringEquals = local.owned
        Null         = { for key in ["Policy", "RunId", "Region"] : "aws:RequestTag/${var.tag_prefix}${key}" => "true" }
      }
    },

    # No statement lets a run put the mark of ownership on a snapshot that it does not make; so what bears it may go.
    length(var.retention) == 0 ? null : {
      Sid       = "InspectOwnedSnapshots"
      Action    = ["ec2:DescribeSnapshotAttribute"]
      Resource  = local.snapshots
      Condition = { StringEquals = local.owned }
    },
    length(var.retention) == 0 ? null : {
      Sid       = "ExpireOwnedSnapshots"
      Action    = ["ec2:DeleteSnapshot"]
      Resource  = local.snapshots
      Condition = { StringEquals = local.owned }
    },

    # The reports of earlier runs are known by their keys: none of them is ever read, or deleted.
    {
      Sid      = "WriteReports"
      Action   = ["s3:PutObject"]
      Resource = "${local.bucket_arn}/${local.report_prefix}*"
    },
    {
      Sid       = "ListReports"
      Action    = ["s3:ListBucket"]
      Resource  = local.bucket_arn
      Condition = { StringLike = { "s3:prefix" = "${local.report_prefix}*" } }
    },
    # What was found in a region is read again, by its next round and by the last step of the workflow, under a known key.
    !local.workflow ? null : {
      Sid      = "KeepRounds"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "${local.bucket_arn}/${local.rounds_prefix}*"
    },

    {
      Sid      = "WriteLogs"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${local.log_group_arn}:*"
    },
    {
      Sid      = "ReportFailedRuns"
      Action   = ["sqs:SendMessage"]
      Resource = local.failed_runs_arn
    },

    # To read its own environment, and to write to its encrypted bucket and queue.
    var.kms_key_arn == null ? null : {
      Sid      = "UseKey"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    },
  ]
}

resource "aws_iam_role" "run" {
  name                 = var.name
  description          = "What a run of ${var.name}, which backs up the EBS volumes of the account, may do."
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  # No aws:SourceAccount or aws:SourceArn condition: a role cannot be passed to another account's function, and Lambda's
  # documentation does not promise these keys on every occasion on which it assumes an execution role.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "run" {
  name = var.name
  role = aws_iam_role.run.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in local.run_statements : merge(
      { Effect = "Allow" },
      { for element, value in statement : element => value if value != null },
    ) if statement != null]
  })
}
