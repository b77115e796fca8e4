output "alias" {
  description = "The key's name, alias/<name>; known when planning."
  value       = "alias/${var.cluster_name}"
  depends_on  = [aws_kms_alias.this]
}

output "key_arn" {
  description = "Key of volumes and of SecureString parameters."
  value       = aws_kms_key.this.arn
}
