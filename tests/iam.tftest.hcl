# Every statement of the run role, with each feature on and off.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "by_default_a_run_may_do_this_and_nothing_besides" {
  command = plan

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "DiscoverRegions", "SnapshotVolumes", "SnapshotInstances", "CreateOwnedSnapshots", "TagOnCreate", "CompleteTags",
      "WriteReports", "ListReports", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "There is one statement for each thing a run does."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(output.role_policy).Statement : statement.Effect == "Allow"])
    error_message = "Every statement allows."
  }

  assert {
    condition     = !strcontains(output.role_policy, "Delete")
    error_message = "Without retention nothing can be deleted."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "Observe"]) == {
      Sid      = "Observe"
      Effect   = "Allow"
      Action   = ["ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeInstances"]
      Resource = "*"
    }
    error_message = "A run may look at volumes, snapshots and instances."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "DiscoverRegions"]) == {
      Sid      = "DiscoverRegions"
      Effect   = "Allow"
      Action   = ["ec2:DescribeRegions"]
      Resource = "*"
    }
    error_message = "A run may ask which regions are enabled."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "SnapshotVolumes"]) == {
      Sid      = "SnapshotVolumes"
      Effect   = "Allow"
      Action   = ["ec2:CreateSnapshot", "ec2:CreateSnapshots"]
      Resource = "arn:aws:ec2:*:111122223333:volume/*"
    }
    error_message = "A run may snapshot the volumes of its own account, and the statement has no condition on tags, which would never be met for a volume."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "SnapshotInstances"]) == {
      Sid      = "SnapshotInstances"
      Effect   = "Allow"
      Action   = ["ec2:CreateSnapshots"]
      Resource = "arn:aws:ec2:*:111122223333:instance/*"
    }
    error_message = "A run may snapshot the volumes of an instance of its own account together."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "CreateOwnedSnapshots"]) == {
      Sid      = "CreateOwnedSnapshots"
      Effect   = "Allow"
      Action   = ["ec2:CreateSnapshot", "ec2:CreateSnapshots"]
      Resource = "arn:aws:ec2:*::snapshot/*"
      Condition = {
        StringEquals = { "aws:RequestTag/ebs-backup:Policy" = "ebs-backup" }
        Null         = { "aws:RequestTag/ebs-backup:RunId" = "false", "aws:RequestTag/ebs-backup:Region" = "false" }
      }
    }
    error_message = "A run may only make snapshots that carry its deployment's name, the run and the region."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "TagOnCreate"]) == {
      Sid       = "TagOnCreate"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags"]
      Resource  = "arn:aws:ec2:*::snapshot/*"
      Condition = { StringEquals = { "ec2:CreateAction" = ["CreateSnapshot", "CreateSnapshots"] } }
    }
    error_message = "A run may tag a snapshot as part of the call that makes it."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "CompleteTags"]) == {
      Sid      = "CompleteTags"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"]
      Resource = "arn:aws:ec2:*::snapshot/*"
      Condition = {
        StringEquals = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" }
        Null = {
          "aws:RequestTag/ebs-backup:Policy" = "true"
          "aws:RequestTag/ebs-backup:RunId"  = "true"
          "aws:RequestTag/ebs-backup:Region" = "true"
        }
      }
    }
    error_message = "A run may later add tags to its deployment's own snapshots, but never those of ownership, run and region."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "WriteReports"]) == {
      Sid      = "WriteReports"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = "arn:aws:s3:::ebs-backup-111122223333/ebs-backup/reports/*"
    }
    error_message = "A run may write its report beside the others, and nowhere else: not over the package."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "ListReports"]) == {
      Sid       = "ListReports"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = "arn:aws:s3:::ebs-backup-111122223333"
      Condition = { StringLike = { "s3:prefix" = "ebs-backup/reports/*" } }
    }
    error_message = "A run may see which reports there are."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "WriteLogs"]) == {
      Sid      = "WriteLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/ebs-backup:*"
    }
    error_message = "A run may write to its own log group, and cannot create another."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "ReportFailedRuns"]) == {
      Sid      = "ReportFailedRuns"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = "arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
    }
    error_message = "A failed run may be reported to its own queue."
  }

  assert {
    condition = alltrue([
      aws_iam_role.run.name == "ebs-backup",
      aws_iam_role.run.path == "/",
      aws_iam_role.run.permissions_boundary == null,
      aws_iam_role_policy.run.role == "ebs-backup",
    ])
    error_message = "The role bears the deployment's name."
  }

  assert {
    condition = jsondecode(aws_iam_role.run.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
    error_message = "Lambda, and nobody else, may take the role."
  }
}

run "without_multi_volume_snapshots_nothing_is_granted_for_them" {
  command = plan

  variables {
    multi_volume_snapshots = false
  }

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "DiscoverRegions", "SnapshotVolumes", "CreateOwnedSnapshots", "TagOnCreate", "WriteReports", "ListReports", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "Instances are not snapshotted, and tags are not completed later."
  }

  assert {
    condition     = !strcontains(output.role_policy, "CreateSnapshots") && !strcontains(output.role_policy, "DescribeInstances")
    error_message = "Neither CreateSnapshots nor DescribeInstances is allowed."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(output.role_policy).Statement : statement.Action
      if contains(["Observe", "SnapshotVolumes", "CreateOwnedSnapshots"], statement.Sid)
    ]) == ["ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CreateSnapshot", "ec2:CreateSnapshot"]
    error_message = "Volumes are snapshotted one by one."
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Condition if statement.Sid == "TagOnCreate"
    ] == [{ StringEquals = { "ec2:CreateAction" = ["CreateSnapshot"] } }]
    error_message = "Tags come with CreateSnapshot only."
  }
}

run "with_an_explicit_list_of_regions_the_role_ends_at_their_borders" {
  command = plan

  variables {
    regions   = ["us-east-1", "eu-west-1"]
    retention = { daily = 7 }
  }

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "SnapshotVolumes", "SnapshotInstances", "CreateOwnedSnapshots", "TagOnCreate", "CompleteTags",
      "InspectOwnedSnapshots", "ExpireOwnedSnapshots", "WriteReports", "ListReports", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "Regions need not be discovered."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement :
      statement.Condition.StringEquals["aws:RequestedRegion"] == ["eu-west-1", "us-east-1"]
      if strcontains(jsonencode(statement.Action), "ec2:")
    ])
    error_message = "Every EC2 statement is for these regions only."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement.Condition if statement.Sid == "CreateOwnedSnapshots"]) == {
      StringEquals = { "aws:RequestTag/ebs-backup:Policy" = "ebs-backup", "aws:RequestedRegion" = ["eu-west-1", "us-east-1"] }
      Null         = { "aws:RequestTag/ebs-backup:RunId" = "false", "aws:RequestTag/ebs-backup:Region" = "false" }
    }
    error_message = "The conditions on the tags of a request stay."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement :
      statement.Condition.StringEquals["aws:ResourceTag/ebs-backup:Policy"] == "ebs-backup"
      if contains(["CompleteTags", "InspectOwnedSnapshots", "ExpireOwnedSnapshots"], statement.Sid)
    ])
    error_message = "The conditions on the tags of a snapshot stay."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement : !can(statement.Condition)
      if contains(["WriteReports", "WriteLogs", "ReportFailedRuns"], statement.Sid)
    ])
    error_message = "Reports, logs and queue are in the home region, listed or not."
  }
}

run "one_region_and_single_volumes_together" {
  command = plan

  variables {
    regions                = ["eu-west-1"]
    multi_volume_snapshots = false
  }

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "SnapshotVolumes", "CreateOwnedSnapshots", "TagOnCreate", "WriteReports", "ListReports", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "Each feature takes its own statements with it."
  }
}

run "with_retention_a_run_may_delete_the_snapshots_of_its_own_deployment" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = jsondecode(output.role_policy).Statement[*].Sid == [
      "Observe", "DiscoverRegions", "SnapshotVolumes", "SnapshotInstances", "CreateOwnedSnapshots", "TagOnCreate", "CompleteTags",
      "InspectOwnedSnapshots", "ExpireOwnedSnapshots", "WriteReports", "ListReports", "WriteLogs", "ReportFailedRuns",
    ]
    error_message = "Retention adds two statements."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "InspectOwnedSnapshots"]) == {
      Sid       = "InspectOwnedSnapshots"
      Effect    = "Allow"
      Action    = ["ec2:DescribeSnapshotAttribute"]
      Resource  = "arn:aws:ec2:*::snapshot/*"
      Condition = { StringEquals = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" } }
    }
    error_message = "A run may look whom a snapshot of its own deployment is shared with."
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "ExpireOwnedSnapshots"]) == {
      Sid       = "ExpireOwnedSnapshots"
      Effect    = "Allow"
      Action    = ["ec2:DeleteSnapshot"]
      Resource  = "arn:aws:ec2:*::snapshot/*"
      Condition = { StringEquals = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" } }
    }
    error_message = "A run may delete the snapshots that carry its own deployment's name."
  }
}

run "what_a_run_did_not_make_it_can_neither_delete_nor_first_mark_as_its_own" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement : !strcontains(jsonencode(statement.Action), "*")
    ])
    error_message = "Every action is named, or the rules below would overlook some."
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Condition.StringEquals["aws:ResourceTag/ebs-backup:Policy"]
      if contains(statement.Action, "ec2:DeleteSnapshot")
    ] == ["ebs-backup"]
    error_message = "What is deleted bears the mark."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement : anytrue([
        can(statement.Condition.StringEquals["ec2:CreateAction"]),
        try(statement.Condition.Null["aws:RequestTag/ebs-backup:Policy"], "") == "true",
      ]) if contains(statement.Action, "ec2:CreateTags")
    ])
    error_message = "A snapshot that is there already is never given the mark."
  }
}

run "with_a_key_the_role_may_use_it" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = one([for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "UseKey"]) == {
      Sid      = "UseKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    }
    error_message = "The environment is decrypted, and bucket and queue are written to, with this key alone."
  }
}

run "in_a_bucket_of_the_accounts_own_a_deployment_keeps_to_its_reports" {
  command = plan

  variables {
    name   = "nightly"
    bucket = "acme-artifacts"
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : [statement.Resource, try(statement.Condition.StringLike["s3:prefix"], null)]
      if contains(["WriteReports", "ListReports"], statement.Sid)
    ] == [["arn:aws:s3:::acme-artifacts/nightly/reports/*", null], ["arn:aws:s3:::acme-artifacts", "nightly/reports/*"]]
    error_message = "What others keep in the bucket is out of reach."
  }
}

run "two_deployments_own_different_snapshots" {
  command = plan

  variables {
    name       = "nightly"
    tag_prefix = "acme/"
    retention  = { daily = 7 }
  }

  assert {
    condition = one([
      for statement in jsondecode(output.role_policy).Statement : statement.Condition if statement.Sid == "CreateOwnedSnapshots"
      ]) == {
      StringEquals = { "aws:RequestTag/acme/Policy" = "nightly" }
      Null         = { "aws:RequestTag/acme/RunId" = "false", "aws:RequestTag/acme/Region" = "false" }
    }
    error_message = "The mark of ownership is made of tag_prefix and name."
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Condition.StringEquals
      if contains(["CompleteTags", "InspectOwnedSnapshots", "ExpireOwnedSnapshots"], statement.Sid)
    ] == [for statement in range(3) : { "aws:ResourceTag/acme/Policy" = "nightly" }]
    error_message = "By this mark a deployment knows what is its own."
  }

  assert {
    condition     = !strcontains(output.role_policy, "ebs-backup")
    error_message = "Nothing of another deployment's is in the policy."
  }
}

run "china_has_arns_of_its_own" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-cn" }
  }

  assert {
    condition = alltrue([
      for resource in jsondecode(output.role_policy).Statement[*].Resource : startswith(resource, "arn:aws-cn:") if resource != "*"
    ])
    error_message = "Every ARN is of the partition aws-cn."
  }
}

run "govcloud_has_arns_of_its_own" {
  command = plan

  override_data {
    target          = data.aws_partition.current
    override_during = plan
    values          = { partition = "aws-us-gov" }
  }

  assert {
    condition = alltrue([
      for resource in jsondecode(output.role_policy).Statement[*].Resource : startswith(resource, "arn:aws-us-gov:") if resource != "*"
    ])
    error_message = "Every ARN is of the partition aws-us-gov."
  }
}

run "the_role_can_be_bounded_and_put_under_a_path" {
  command = plan

  variables {
    role_path            = "/automation/"
    permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
    tags                 = { Team = "platform" }
  }

  assert {
    condition = alltrue([
      aws_iam_role.run.path == "/automation/",
      aws_iam_role.run.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary",
      aws_iam_role.run.tags == tomap({ Team = "platform" }),
    ])
    error_message = "Path, boundary and tags are the role's."
  }
}
