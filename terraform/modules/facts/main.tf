resource "aws_ssm_parameter" "fact" {
  for_each = var.facts

  name        = "${var.prefix}/${each.key}"
  description = "Published by Terraform for the cluster"
  type        = "String"
  value       = each.value
}
