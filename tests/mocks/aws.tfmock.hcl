# What AWS would answer: only the attributes that other resources or the tests read.

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}

mock_data "aws_region" {
  defaults = { id = "eu-west-1" }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::ebs-backup-111122223333"
  }
}

mock_resource "aws_s3_object" {
  defaults = { checksum_sha256 = "a-checksum" }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn         = "arn:aws:iam::111122223333:role/ebs-backup"
    create_date = "2026-11-25T03:00:00Z"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn         = "arn:aws:lambda:eu-west-1:111122223333:function:ebs-backup"
    code_sha256 = "a-checksum"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/ebs-backup" }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = { arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:ebs-backup-alarm" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:ebs-backup-alarms" }
}

mock_resource "aws_sfn_state_machine" {
  defaults = { arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:ebs-backup" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:a-log-group" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:a-queue"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/a-queue"
  }
}
