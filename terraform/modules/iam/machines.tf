# What a machine may do while it sets itself up: leave its marker, and hand over (control plane) or fetch (worker)
# the join data. Values of SecureStrings are guarded by the key: SSM names the parameter in the encryption context,
# so nothing on a worker can decrypt the administrator's kubeconfig, although AmazonSSMManagedInstanceCore allows
# ssm:GetParameter on any name.

locals {
  arn       = "arn:${data.aws_partition.current.partition}"
  parameter = "${local.arn}:ssm:${var.region}:${data.aws_caller_identity.current.account_id}:parameter${var.ssm_prefix}"

  machine_policies = {
    control-plane = data.aws_iam_policy_document.control_plane.json
    worker        = data.aws_iam_policy_document.worker.json
  }

  managed_policies = ["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryReadOnly"]

  attachments = {
    for pair in setproduct(keys(local.machine_policies), local.managed_policies) :
    "${pair[0]}/${pair[1]}" => { role = pair[0], policy = pair[1] }
  }
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "assumed_by_ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "control_plane" {
  statement {
    sid       = "Publish"
    actions   = ["ssm:PutParameter"]
    resources = ["${local.parameter}/cluster/kubeconfig", "${local.parameter}/cluster/join", "${local.parameter}/nodes/*"]
  }

  statement {
    sid       = "Encrypt"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"] # the last for values over 4 KB
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:PARAMETER_ARN"
      values   = [for name in ["kubeconfig", "join", "restore-source"] : "${local.parameter}/cluster/${name}"]
    }
  }

  statement {
    sid       = "FetchBackup" # where a new cluster begins with a backup's etcd
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameter}/cluster/restore", "${local.parameter}/cluster/restore-source"]
  }

  statement {
    sid       = "AssumeControllerRoles"
    actions   = ["sts:AssumeRole"]
    resources = ["${local.arn}:iam::${data.aws_caller_identity.current.account_id}:role/${var.cluster_name}/*"]
  }
}

data "aws_iam_policy_document" "worker" {
  statement {
    sid       = "Mark"
    actions   = ["ssm:PutParameter"]
    resources = ["${local.parameter}/nodes/*"]
  }

  statement {
    sid       = "FetchJoinData"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameter}/cluster/join"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:PARAMETER_ARN"
      values   = ["${local.parameter}/cluster/join"]
    }
  }

  statement {
    sid       = "AssumeControllerRoles"
    actions   = ["sts:AssumeRole"]
    resources = ["${local.arn}:iam::${data.aws_caller_identity.current.account_id}:role/${var.cluster_name}/*"]
  }
}

resource "aws_iam_role" "machine" {
  for_each = local.machine_policies

  name               = "${var.cluster_name}-${each.key}"
  description        = "Machines of ${var.cluster_name}: ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assumed_by_ec2.json
}

resource "aws_iam_role_policy" "machine" {
  for_each = local.machine_policies

  name   = "bootstrap"
  role   = aws_iam_role.machine[each.key].id
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "machine" {
  for_each = local.attachments

  role       = aws_iam_role.machine[each.value.role].name
  policy_arn = "${local.arn}:iam::aws:policy/${each.value.policy}"
}

resource "aws_iam_instance_profile" "machine" {
  for_each = local.machine_policies

  name = "${var.cluster_name}-${each.key}"
  role = aws_iam_role.machine[each.key].name
}
