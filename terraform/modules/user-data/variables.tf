variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

variable "node_name" {
  description = "Name of the node in Kubernetes; also the machine's host name."
  type        = string
}

variable "role" {
  description = "control-plane or worker."
  type        = string
}

variable "region" {
  description = "Region of the SSM parameters."
  type        = string
}

variable "ssm_prefix" {
  description = "SSM path of the environment; no trailing slash."
  type        = string
}

variable "kms_key_alias" {
  description = "Key of the SecureStrings that the control plane writes, alias/<name>."
  type        = string
}

variable "api_address" {
  description = "Public address of the API server in the published kubeconfig; empty for the control plane's private one."
  type        = string
  default     = ""
  nullable    = false
}

variable "kubernetes_version" {
  description = "Minor version such as 1.37."
  type        = string
}

variable "calico_version" {
  description = "Version such as v3.32.1."
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

variable "labels" {
  description = "Labels that the kubelet gives its node."
  type        = map(string)
}

variable "taints" {
  description = "Taints that the node registers with."
  type        = list(object({ key = string, value = string, effect = string }))
}
