output "role_arn" {
  description = "For the repository variable AWS_ROLE_TO_ASSUME."
  value       = aws_iam_role.this.arn
}
