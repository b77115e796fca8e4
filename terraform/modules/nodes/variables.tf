variable "cluster_name" {
  description = "Name of the cluster; the machines carry its tag."
  type        = string
}

variable "region" {
  description = "Region of the machines."
  type        = string
}

variable "ssm_prefix" {
  description = "SSM path of the environment; no trailing slash."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version that kubeadm installs."
  type        = string
}

variable "calico_version" {
  description = "Calico that the control plane installs."
  type        = string
}

variable "pod_cidr" {
  description = "Addresses of pods."
  type        = string
}

variable "service_cidr" {
  description = "Addresses of Services."
  type        = string
}

variable "nodes" {
  description = "The machines, by node name."
  type = map(object({
    role          = string
    instance_type = string
    volume_gb     = number
    subnet        = string
    zone          = number
    labels        = map(string)
    taints        = list(object({ key = string, value = string, effect = string }))
  }))
}

variable "ami_id" {
  description = "Ubuntu image; null for Canonical's newest Ubuntu 24.04."
  type        = string
}

variable "architecture" {
  description = "amd64 or arm64."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets, one an availability zone."
  type        = object({ public = list(string), private = list(string) })
}

variable "security_group_id" {
  description = "Security group of all machines."
  type        = string
}

variable "instance_profiles" {
  description = "Names of the instance profiles, by role."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key of the volumes."
  type        = string
}

variable "kms_key_alias" {
  description = "Key of the SecureStrings that the control plane writes, alias/<name>."
  type        = string
}

variable "volume_tags" {
  description = "Tags of the root volumes, which the provider's default tags do not reach."
  type        = map(string)
}
