variable "cluster_name" {
  description = "Prefix of the roles' names; controllers may touch only what carries the cluster's name."
  type        = string
}

variable "region" {
  description = "Region of the parameters."
  type        = string
}

variable "ssm_prefix" {
  description = "SSM path of the environment; no trailing slash."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the SecureString parameters."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone that ExternalDNS may change; null for any."
  type        = string
}
