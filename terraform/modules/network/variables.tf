variable "cluster_name" {
  description = "Cluster that the subnets are marked for."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "public_subnets" {
  description = "CIDRs of the public subnets, one an availability zone."
  type        = list(string)
}

variable "private_subnets" {
  description = "CIDRs of the private subnets, one an availability zone."
  type        = list(string)
}

variable "nat" {
  description = "NAT gateways: none, single or per-zone."
  type        = string
}

variable "enable_dns_hostnames" {
  description = "Public DNS names for machines."
  type        = bool
}
