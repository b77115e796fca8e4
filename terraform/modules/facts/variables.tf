variable "prefix" {
  description = "SSM path below which the facts are published; no trailing slash."
  type        = string
}

variable "facts" {
  description = "Values by name below the prefix. Facts only, never secrets: they stand in Terraform's state."
  type        = map(string)
}
