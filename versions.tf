terraform {
  # 1.9 is the first version whose variable validation may refer to anything but the variable itself.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.76, < 7.0"
    }
  }
}
