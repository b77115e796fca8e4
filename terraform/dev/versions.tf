terraform {
  required_version = ">= 1.10.0" # S3 state locking without DynamoDB (use_lockfile)

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 3.39.0, < 7.0.0"
    }
  }

  # Bucket, key and region come from `terraform init -backend-config=…`.
  backend "s3" {}
}
