terraform {
  # 1.9 is the first version whose variable validation may refer to anything but the variable itself.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      # 5.76 is the first to know python3.13; 5.86.0 cannot apply a lifecycle rule for all of a bucket.
      source  = "hashicorp/aws"
      version = ">= 5.76, != 5.86.0, < 7.0"
    }
  }
}
