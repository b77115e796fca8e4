output "text" {
  description = "User data of the machine, for cloud-init."
  value       = "#cloud-config\n${yamlencode(local.cloud_config)}"

  precondition {
    condition     = length(local.calico_checksums) == 2
    error_message = "The files of Calico ${var.calico_version} have no checksums: add them to ${path.module}/files/checksums."
  }

  precondition {
    condition     = length(yamlencode(local.cloud_config)) < 16000
    error_message = "The user data of node ${var.node_name} is over EC2's limit of 16 KB: give it fewer labels."
  }
}
