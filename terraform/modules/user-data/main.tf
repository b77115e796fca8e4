# Pure: variables in, cloud-init text out; no provider, so it is tested without any cloud.
#
# The text holds no secret. What differs between nodes stands in two files, node.env and kubeadm.yaml; the programs are
# the same everywhere and lie in files/, free of template holes. A service runs them until the node has joined, also
# after a failure or a reboot.

locals {
  control_plane = var.role == "control-plane"

  environment = {
    CLUSTER            = var.cluster_name
    NODE               = var.node_name
    ROLE               = var.role
    AWS_DEFAULT_REGION = var.region
    SSM_PREFIX         = var.ssm_prefix
    KMS_KEY            = var.kms_key_alias
    API_ADDRESS        = var.api_address
    KUBERNETES_MINOR   = var.kubernetes_version
    KUBERNETES_KEY     = "DE15B14486CD377B9E876E1A234654DA9A296436" # signs the packages of pkgs.k8s.io, all versions
    CALICO_VERSION     = var.calico_version
  }

  # Lines of files/checksums for this version, as sha256sum reads them.
  calico_checksums = [
    for line in split("\n", file("${path.module}/files/checksums")) : replace(line, "calico/${var.calico_version}/", "")
    if strcontains(line, "  calico/${var.calico_version}/")
  ]

  kubeadm = templatefile("${path.module}/templates/${var.role}.yaml.tftpl", {
    cluster_name = var.cluster_name
    node_name    = var.node_name
    api_address  = var.api_address
    labels       = join(",", [for key, value in var.labels : "${key}=${value}"])
    taints       = jsonencode(var.taints)
    pod_cidr     = var.pod_cidr
    service_cidr = var.service_cidr
  })

  common_files = {
    "/etc/bootstrap/node.env" = {
      mode = "0644", content = join("", [for name, value in local.environment : "${name}='${value}'\n"])
    }
    "/etc/bootstrap/kubeadm.yaml"                = { mode = "0600", content = local.kubeadm }
    "/etc/systemd/system/bootstrap-node.service" = { mode = "0644", content = file("${path.module}/files/bootstrap-node.service") }
    "/usr/local/sbin/bootstrap-node"             = { mode = "0755", content = file("${path.module}/files/bootstrap-node.sh") }
    "/usr/local/sbin/bootstrap-role"             = { mode = "0755", content = file("${path.module}/files/${var.role}.sh") }
    "/usr/local/sbin/parameter"                  = { mode = "0755", content = file("${path.module}/files/parameter.py") }
  }

  control_plane_files = {
    "/etc/bootstrap/calico.sha256" = { mode = "0644", content = "${join("\n", local.calico_checksums)}\n" }
    "/etc/bootstrap/calico.yaml" = {
      mode = "0644", content = templatefile("${path.module}/templates/calico.yaml.tftpl", { pod_cidr = var.pod_cidr })
    }
    "/etc/systemd/system/bootstrap-join.service" = { mode = "0644", content = file("${path.module}/files/bootstrap-join.service") }
    "/etc/systemd/system/bootstrap-join.timer"   = { mode = "0644", content = file("${path.module}/files/bootstrap-join.timer") }
    "/etc/bootstrap/stale"                       = { mode = "0644", content = file("${path.module}/files/stale") }
    "/usr/local/sbin/bootstrap-restore"          = { mode = "0755", content = file("${path.module}/files/restore.sh") }
    "/usr/local/sbin/bootstrap-join"             = { mode = "0755", content = file("${path.module}/files/bootstrap-join.sh") }
  }

  files = merge(local.common_files, local.control_plane ? local.control_plane_files : {})

  cloud_config = {
    hostname          = var.node_name
    preserve_hostname = false
    # Comments stay here: EC2 takes 16 KB. So no text in the files may hold a blank, a # and a blank.
    write_files = [
      for path, file in local.files :
      { path = path, permissions = file.mode, content = replace(replace(file.content, "/(?m)^ *# .*\n/", ""), "/(?m) +# .*$/", "") }
    ]
    runcmd = [
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "--no-block", "bootstrap-node.service"],
    ]
  }
}
