output "arn" {
  description = "The certificate; where we prove ownership, only once it is issued."
  value       = var.zone_id == null ? aws_acm_certificate.this.arn : aws_acm_certificate_validation.this[0].certificate_arn
}

output "validation_records" {
  description = "CNAME records that prove ownership of the domain."
  value = [
    for record in [local.records[var.domain]] : {
      name  = record.resource_record_name
      type  = record.resource_record_type
      value = record.resource_record_value
    }
  ]
}
