variable "cluster_name" {
  description = "Name of the key's alias."
  type        = string
}
