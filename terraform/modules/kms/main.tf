# Without a policy of its own the key obeys the account's IAM policies alone.
resource "aws_kms_key" "this" {
  description             = "Volumes and SSM SecureStrings of ${var.cluster_name}"
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.cluster_name}"
  target_key_id = aws_kms_key.this.key_id
}
