variable "domain" {
  description = "Domain that the certificate covers, with all names directly below it."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone in which to prove ownership; null leaves that to you."
  type        = string
}
