resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = ["*.${var.domain}"]
  validation_method         = "DNS"

  tags = { Name = var.domain }

  lifecycle {
    create_before_destroy = true # a certificate in use cannot be deleted
  }
}

locals {
  # The domain and its wildcard share one record; keyed by domain, so that the keys are known when planning.
  records = { for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => option }
}

resource "aws_route53_record" "validation" {
  for_each = var.zone_id == null ? toset([]) : toset([var.domain])

  zone_id = var.zone_id
  name    = local.records[each.key].resource_record_name
  type    = local.records[each.key].resource_record_type
  records = [local.records[each.key].resource_record_value]
  ttl     = 300

  allow_overwrite = true # left from an earlier certificate of the same domain: the record is the same
}

resource "aws_acm_certificate_validation" "this" {
  count = var.zone_id == null ? 0 : 1

  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
