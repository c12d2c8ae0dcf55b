# What a run may do, with each feature on and off. tests/terraform/test_policy_lint.py checks that AWS understands it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  alarm_actions = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
}

run "run_may_do_this_and_nothing_else" {
  command = plan

  assert {
    condition = {
      for statement in jsondecode(output.role_policy).Statement :
      "${statement.Effect} ${statement.Sid}" => "${join(" ", statement.Action)} on ${statement.Resource}"
      } == {
      "Allow Observe"              = "ec2:DescribeVolumes ec2:DescribeSnapshots ec2:DescribeInstances on *"
      "Allow DiscoverRegions"      = "ec2:DescribeRegions on *"
      "Allow SnapshotVolumes"      = "ec2:CreateSnapshot ec2:CreateSnapshots on arn:aws:ec2:*:111122223333:volume/*"
      "Allow SnapshotInstances"    = "ec2:CreateSnapshots on arn:aws:ec2:*:111122223333:instance/*"
      "Allow CreateOwnedSnapshots" = "ec2:CreateSnapshot ec2:CreateSnapshots on arn:aws:ec2:*::snapshot/*"
      "Allow TagOnCreate"          = "ec2:CreateTags on arn:aws:ec2:*::snapshot/*"
      "Allow CompleteTags"         = "ec2:CreateTags on arn:aws:ec2:*::snapshot/*"
      "Allow WriteReports"         = "s3:PutObject on arn:aws:s3:::ebs-backup-111122223333/ebs-backup/reports/*"
      "Allow ListReports"          = "s3:ListBucket on arn:aws:s3:::ebs-backup-111122223333"
      "Allow WriteLogs"            = "logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/ebs-backup:*"
      "Allow ReportFailedRuns"     = "sqs:SendMessage on arn:aws:sqs:eu-west-1:111122223333:ebs-backup-failed-runs"
    }
    error_message = "Without retention nothing can be deleted, and nothing but reports is written to the bucket."
  }

  assert {
    condition = {
      for statement in jsondecode(output.role_policy).Statement : statement.Sid => statement.Condition if can(statement.Condition)
      } == {
      CreateOwnedSnapshots = {
        StringEquals = { "aws:RequestTag/ebs-backup:Policy" = "ebs-backup" }
        Null         = { "aws:RequestTag/ebs-backup:RunId" = "false", "aws:RequestTag/ebs-backup:Region" = "false" }
      }
      TagOnCreate = {
        StringEquals = { "ec2:CreateAction" = ["CreateSnapshot", "CreateSnapshots"] }
        Null         = { "aws:RequestTag/ebs-backup:DeleteAfter" = "true", "aws:RequestTag/ebs-backup:Hold" = "true" }
      }
      CompleteTags = {
        StringEquals = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" }
        Null = {
          "aws:RequestTag/ebs-backup:Policy"      = "true"
          "aws:RequestTag/ebs-backup:RunId"       = "true"
          "aws:RequestTag/ebs-backup:Region"      = "true"
          "aws:RequestTag/ebs-backup:DeleteAfter" = "true"
          "aws:RequestTag/ebs-backup:Hold"        = "true"
        }
      }
      WriteReports = {
        StringEquals = { "aws:ResourceAccount" = "111122223333" }
        Null         = { "s3:if-none-match" = "false" }
      }
      ListReports = {
        StringEquals = { "aws:ResourceAccount" = "111122223333" }
        StringLike   = { "s3:prefix" = "ebs-backup/reports/*" }
      }
    }
    error_message = "A run tags each snapshot as its own at creation, and never changes the tags of ownership, run and region. It overwrites no report."
  }

  assert {
    condition = jsondecode(aws_iam_role.run.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
    error_message = "Only Lambda may take the role."
  }
}

run "single_snapshots_need_no_right_to_sets" {
  command = plan

  variables {
    multi_volume_snapshots = false
  }

  assert {
    condition     = length(setintersection(jsondecode(output.role_policy).Statement[*].Sid, ["SnapshotInstances", "CompleteTags"])) == 0
    error_message = "A run neither snapshots instances nor completes tags later."
  }

  assert {
    condition     = !strcontains(output.role_policy, "CreateSnapshots") && !strcontains(output.role_policy, "DescribeInstances")
    error_message = "The policy does not mention the calls for sets."
  }
}

run "listed_regions_narrow_every_ec2_statement" {
  command = plan

  variables {
    regions   = ["us-east-1", "eu-west-1"]
    retention = { daily = 7 }
  }

  assert {
    condition     = !contains(jsondecode(output.role_policy).Statement[*].Sid, "DiscoverRegions")
    error_message = "A run with listed regions does not discover regions."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement :
      try(statement.Condition.StringEquals["aws:RequestedRegion"], null) == (strcontains(jsonencode(statement.Action), "ec2:") ? ["eu-west-1", "us-east-1"] : null)
    ])
    error_message = "The regions narrow EC2 alone: reports, logs and queue are in the home region, listed or not."
  }

  assert {
    condition = {
      for statement in jsondecode(output.role_policy).Statement :
      statement.Sid => [for key, value in statement.Condition.StringEquals : key if value == "ebs-backup"] if can(statement.Condition.StringEquals)
      } == {
      Observe               = []
      SnapshotVolumes       = []
      SnapshotInstances     = []
      CreateOwnedSnapshots  = ["aws:RequestTag/ebs-backup:Policy"]
      TagOnCreate           = []
      CompleteTags          = ["aws:ResourceTag/ebs-backup:Policy"]
      AnnounceDeletions     = ["aws:ResourceTag/ebs-backup:Policy"]
      WriteReports          = []
      ListReports           = []
      InspectOwnedSnapshots = ["aws:ResourceTag/ebs-backup:Policy"]
      ExpireOwnedSnapshots  = ["aws:ResourceTag/ebs-backup:Policy"]
    }
    error_message = "The conditions on tags stay."
  }
}

run "run_deletes_only_what_it_created_and_announced" {
  command = plan

  variables {
    retention = { daily = 7 }
  }

  assert {
    condition = {
      for statement in jsondecode(output.role_policy).Statement : statement.Sid => join(" ", statement.Action)
      if endswith(statement.Sid, "OwnedSnapshots") && statement.Sid != "CreateOwnedSnapshots"
    } == { InspectOwnedSnapshots = "ec2:DescribeSnapshotAttribute", ExpireOwnedSnapshots = "ec2:DeleteSnapshot" }
    error_message = "Retention adds two statements about the snapshots that expire."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement : !strcontains(jsonencode(statement.Action), "*")
    ])
    error_message = "Every action is named, or the next checks would miss some."
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Condition if contains(statement.Action, "ec2:DeleteSnapshot")
      ] == [{
        StringEquals = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" }
        StringLike   = { "aws:ResourceTag/ebs-backup:DeleteAfter" = "2???-??-??T??:??:??Z" }
        Null         = { "aws:ResourceTag/ebs-backup:Hold" = "true" }
    }]
    error_message = "A run deletes only snapshots that are its own, are announced, and are not held."
  }

  assert {
    condition = [for statement in jsondecode(output.role_policy).Statement : statement if statement.Sid == "AnnounceDeletions"] == [{
      Sid      = "AnnounceDeletions"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"]
      Resource = "arn:aws:ec2:*::snapshot/*"
      Condition = {
        StringEquals                = { "aws:ResourceTag/ebs-backup:Policy" = "ebs-backup" }
        "ForAllValues:StringEquals" = { "aws:TagKeys" = ["ebs-backup:DeleteAfter"] }
        Null                        = { "aws:TagKeys" = "false" }
      }
    }]
    error_message = "An announcement changes no other tag."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.role_policy).Statement : anytrue([
        can(statement.Condition.StringEquals["ec2:CreateAction"]),
        try(statement.Condition.Null["aws:RequestTag/ebs-backup:Policy"], "") == "true",
        statement.Sid == "AnnounceDeletions",
      ]) if contains(statement.Action, "ec2:CreateTags")
    ])
    error_message = "A run cannot put its tag of ownership on an existing snapshot."
  }
}

run "key_may_be_used" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : [statement.Action, statement.Resource, statement.Condition] if statement.Sid == "UseKey"
      ] == [[["kms:Decrypt", "kms:GenerateDataKey"], var.kms_key_arn, {
        StringEquals = { "kms:ViaService" = ["lambda.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"] }
    }]]
    error_message = "A run may use this key alone, and only through Lambda, S3 and SQS."
  }
}

run "deployment_reaches_only_its_own_objects" {
  command = plan

  variables {
    name       = "nightly"
    tag_prefix = "acme/"
    bucket     = "acme-artifacts"
    retention  = { daily = 7 }
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : [statement.Resource, try(statement.Condition.StringLike["s3:prefix"], null)]
      if contains(["WriteReports", "ListReports"], statement.Sid)
    ] == [["arn:aws:s3:::acme-artifacts/nightly/reports/*", null], ["arn:aws:s3:::acme-artifacts", "nightly/reports/*"]]
    error_message = "A run reaches only its own reports in a shared bucket."
  }

  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Condition.StringEquals
      if contains(["CompleteTags", "AnnounceDeletions", "InspectOwnedSnapshots", "ExpireOwnedSnapshots"], statement.Sid)
    ] == [for statement in range(4) : { "aws:ResourceTag/acme/Policy" = "nightly" }]
    error_message = "The tag of ownership consists of tag_prefix and name."
  }

  assert {
    condition     = !strcontains(output.role_policy, "ebs-backup")
    error_message = "The policy mentions no other deployment."
  }
}

run "partition_is_in_every_arn" {
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

run "role_takes_path_boundary_and_tags" {
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
    error_message = "The role has path, boundary and tags."
  }
}
