data "aws_ami" "ubuntu" {
  count = var.ami_id == null ? 1 : 0

  owners      = ["099720109477"] # Canonical
  most_recent = true

  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-${var.architecture}-server-*"]
  }
}

locals {
  ami_id        = var.ami_id == null ? data.aws_ami.ubuntu[0].id : var.ami_id
  control_plane = one([for name, node in var.nodes : name if node.role == "control-plane"])

  # By a hash of the name: adding a node moves no other to another zone.
  zones = { for name, node in var.nodes : name => coalesce(node.zone, parseint(substr(md5(name), 0, 6), 16) % 3) }

  # Machines tell by tags what node they are to be, in the convention of the cluster autoscaler. All values are known
  # when planning: provider 3.39 stumbles over tags that are not ("inconsistent final plan") where it has default tags.
  template = "k8s.io/cluster-autoscaler/node-template"
  tags = {
    for name, node in var.nodes : name => merge(
      {
        Name                                        = "${var.cluster_name}-${name}"
        "bootstrap:node"                            = name
        "bootstrap:role"                            = node.role
        "bootstrap:ssm-prefix"                      = var.ssm_prefix
        "bootstrap:kms-key"                         = var.kms_key_alias
        "kubernetes.io/cluster/${var.cluster_name}" = "owned"
      },
      { for key, value in node.labels : "${local.template}/label/${key}" => value },
      { for taint in node.taints : "${local.template}/taint/${taint.key}" => "${taint.value}:${taint.effect}" },
    )
  }
}

module "user_data" {
  source   = "../user-data"
  for_each = var.nodes

  cluster_name       = var.cluster_name
  node_name          = each.key
  role               = each.value.role
  region             = var.region
  ssm_prefix         = var.ssm_prefix
  kms_key_alias      = var.kms_key_alias
  api_address        = each.key == local.control_plane ? one(aws_eip.api[*].public_ip) : ""
  kubernetes_version = var.kubernetes_version
  calico_version     = var.calico_version
  pod_cidr           = var.pod_cidr
  service_cidr       = var.service_cidr
  labels             = each.value.labels
  taints             = each.value.taints
}

# The API server keeps its address when the control plane is stopped and started.
resource "aws_eip" "api" {
  count = var.nodes[local.control_plane].subnet == "public" ? 1 : 0

  tags = { Name = "${var.cluster_name}-api" }
}

resource "aws_eip_association" "api" {
  count = length(aws_eip.api)

  allocation_id = aws_eip.api[0].id
  instance_id   = aws_instance.node[local.control_plane].id
}

resource "aws_instance" "node" {
  for_each = var.nodes

  ami                         = local.ami_id
  instance_type               = each.value.instance_type
  subnet_id                   = var.subnet_ids[each.value.subnet][local.zones[each.key]]
  vpc_security_group_ids      = [var.security_group_id]
  iam_instance_profile        = var.instance_profiles[each.value.role]
  associate_public_ip_address = each.value.subnet == "public"
  user_data                   = module.user_data[each.key].text

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required" # IMDSv2 only
    http_put_response_hop_limit = 2          # one more, for controllers in pods that assume their role from here
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = each.value.volume_gb
    encrypted             = true
    kms_key_id            = var.kms_key_arn
    delete_on_termination = true
    tags                  = merge(var.volume_tags, { Name = "${var.cluster_name}-${each.key}" })
  }

  tags = local.tags[each.key]

  lifecycle {
    # No reason to replace a living node: a newer image or another script (`terraform apply -replace` does that), or
    # having been stopped, which takes its public address until it is started again.
    ignore_changes = [ami, user_data, associate_public_ip_address]

    precondition {
      condition     = length(local.tags[each.key]) <= 40
      error_message = "Node ${each.key} has too many labels and taints: EC2 takes 50 tags a machine."
    }
  }
}
