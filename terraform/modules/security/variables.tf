variable "cluster_name" {
  description = "Prefix of the groups' names."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the groups."
  type        = string
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes API server."
  type        = list(string)
}

variable "ssh_cidrs" {
  description = "Who may reach SSH; empty for nobody."
  type        = list(string)
}
