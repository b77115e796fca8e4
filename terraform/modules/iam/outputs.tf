# With their policies: a machine or controller that starts before them is refused.
output "instance_profiles" {
  description = "Names of the instance profiles, by role (control-plane, worker)."
  value       = { for role, profile in aws_iam_instance_profile.machine : role => profile.name }
  depends_on  = [aws_iam_role_policy.machine, aws_iam_role_policy_attachment.machine]
}

output "role_arns" {
  description = "Roles of the controllers: alb-controller, ebs-csi, external-dns, external-secrets."
  value       = { for name, role in aws_iam_role.controller : name => role.arn }
  depends_on  = [aws_iam_role_policy_attachment.controller]
}
