# The run role: what one run may do, and nothing else. A feature adds its statement only while it is on.

locals {
  # A snapshot's ARN names no account.
  snapshots = "arn:${local.partition}:ec2:*::snapshot/*"
  volumes   = "arn:${local.partition}:ec2:*:${local.account}:volume/*"
  instances = "arn:${local.partition}:ec2:*:${local.account}:instance/*"

  create_calls     = concat(["CreateSnapshot"], var.multi_volume_snapshots ? ["CreateSnapshots"] : [])
  requested_region = length(var.regions) == 0 ? {} : { "aws:RequestedRegion" = var.regions }
  in_regions       = length(var.regions) == 0 ? null : { StringEquals = local.requested_region }
  owned            = merge({ "aws:ResourceTag/${var.tag_prefix}Policy" = var.name }, local.requested_region)
  own_bucket       = { StringEquals = { "aws:ResourceAccount" = local.account } }

  # What creation alone writes, and what announces or forbids a deletion.
  lasting_tags  = [for key in ["Policy", "RunId", "Region"] : "${var.tag_prefix}${key}"]
  deletion_tags = [for key in ["DeleteAfter", "Hold"] : "${var.tag_prefix}${key}"]

  # The policy leaves out null statements and null elements of statements.
  run_statements = [
    # EC2 does not let a policy narrow these calls to resources.
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

    # IAM checks the creation of a snapshot once for each resource: the volume, the instance of a set, and the snapshot.
    # Only the check of the snapshot knows the request's tags. A condition on the tags in the other two would deny all.
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
        Null         = { for key in local.deletion_tags : "aws:RequestTag/${key}" => "true" }
      }
    },

    # EC2 creates all snapshots of a set with the same tags, so a run adds each snapshot's own tags later. It cannot change
    # the tags of ownership, run and region, and here announces nothing.
    !var.multi_volume_snapshots ? null : {
      Sid      = "CompleteTags"
      Action   = ["ec2:CreateTags"]
      Resource = local.snapshots
      Condition = {
        StringEquals = local.owned
        Null         = { for key in concat(local.lasting_tags, local.deletion_tags) : "aws:RequestTag/${key}" => "true" }
      }
    },

    # A run may delete a snapshot that has the tag of ownership, is announced, and is not held. It can put the tag of
    # ownership only on snapshots it creates. It withdraws an announcement by emptying its tag.
    length(var.retention) == 0 ? null : {
      Sid      = "AnnounceDeletions"
      Action   = ["ec2:CreateTags"]
      Resource = local.snapshots
      Condition = {
        StringEquals                = local.owned
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["${var.tag_prefix}DeleteAfter"] }
        Null                        = { "aws:TagKeys" = "false" }
      }
    },
    length(var.retention) == 0 ? null : {
      Sid       = "InspectOwnedSnapshots"
      Action    = ["ec2:DescribeSnapshotAttribute"]
      Resource  = local.snapshots
      Condition = { StringEquals = local.owned }
    },
    length(var.retention) == 0 ? null : {
      Sid      = "ExpireOwnedSnapshots"
      Action   = ["ec2:DeleteSnapshot"]
      Resource = local.snapshots
      Condition = {
        StringEquals = local.owned
        StringLike   = { "aws:ResourceTag/${var.tag_prefix}DeleteAfter" = "2???-??-??T??:??:??Z" }
        Null         = { "aws:ResourceTag/${var.tag_prefix}Hold" = "true" }
      }
    },

    # A run lists the keys of earlier reports. It never reads, deletes or overwrites a report.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    {
      Sid       = "WriteReports"
      Action    = ["s3:PutObject"]
      Resource  = "${local.bucket_arn}/${local.report_prefix}*"
      Condition = merge(local.own_bucket, { Null = { "s3:if-none-match" = "false" } })
    },
    {
      Sid       = "ListReports"
      Action    = ["s3:ListBucket"]
      Resource  = local.bucket_arn
      Condition = merge(local.own_bucket, { StringLike = { "s3:prefix" = "${local.report_prefix}*" } })
    },
    # A round writes its results. The next round and the step Finish read them again.
    !local.has_state_machine ? null : {
      Sid       = "KeepRounds"
      Action    = ["s3:GetObject", "s3:PutObject"]
      Resource  = "${local.bucket_arn}/${local.rounds_prefix}*"
      Condition = local.own_bucket
    },
    # The step Begin writes what the run is. Nothing overwrites that.
    !local.has_state_machine ? null : {
      Sid       = "KeepWhatTheRunIs"
      Effect    = "Deny"
      Action    = ["s3:PutObject"]
      Resource  = "${local.bucket_arn}/${local.rounds_prefix}*/run.json"
      Condition = { Null = { "s3:if-none-match" = "true" } }
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

    # Lambda decrypts the function's environment and sends to the encrypted queue. A run writes to the encrypted bucket.
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    var.kms_key_arn == null ? null : {
      Sid       = "UseKey"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = var.kms_key_arn
      Condition = { StringEquals = { "kms:ViaService" = [for service in ["lambda", "s3", "sqs"] : "${service}.${local.region}.${local.dns_suffix}"] } }
    },
  ]
}

resource "aws_iam_role" "run" {
  name                 = var.name
  description          = "Lets a run of ${var.name} back up the EBS volumes of the account."
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  # There is no condition on aws:SourceAccount or aws:SourceArn: nobody can pass a role to another account's function, and
  # Lambda does not document that every request to assume an execution role has these keys.
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
