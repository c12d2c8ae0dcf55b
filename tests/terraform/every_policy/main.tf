# The module with every feature on, in every combination of the inputs that change its roles' policies.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

locals {
  choices = setproduct(
    [true, false],
    [[], ["eu-west-1", "us-east-1"]],
    [tomap({}), tomap({ daily = 7 })],
    [null, "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    ["lambda", "step_functions"],
  )
}

module "deployment" {
  source = "../../.."
  count  = length(local.choices)

  multi_volume_snapshots = local.choices[count.index][0]
  regions                = local.choices[count.index][1]
  retention              = local.choices[count.index][2]
  kms_key_arn            = local.choices[count.index][3]
  engine                 = local.choices[count.index][4]

  notification_emails = ["backup@example.com"]
  dashboard_enabled   = true
}

output "policies" {
  value = module.deployment[*].role_policy
}
