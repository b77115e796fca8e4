# One role a controller. A self-managed cluster has no EKS identity provider: a controller assumes its role with the
# credentials of the node it runs on (role_arn and credential_source = Ec2InstanceMetadata in its AWS configuration).

locals {
  # These start before any Secret can tell them their role: the workers carry their permissions.
  worker_controllers = ["ebs-csi", "external-secrets"]

  controller_policies = {
    alb-controller   = data.aws_iam_policy_document.alb_controller.json
    ebs-csi          = data.aws_iam_policy_document.ebs_csi.json
    external-dns     = data.aws_iam_policy_document.external_dns.json
    external-secrets = data.aws_iam_policy_document.external_secrets.json
  }
}

data "aws_iam_policy_document" "assumed_by_machines" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [for name in sort(keys(aws_iam_role.machine)) : aws_iam_role.machine[name].arn]
    }
  }
}

resource "aws_iam_role" "controller" {
  for_each = local.controller_policies

  name               = "${var.cluster_name}-${each.key}"
  path               = "/${var.cluster_name}/"
  description        = "Controller of ${var.cluster_name}: ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assumed_by_machines.json
}

resource "aws_iam_policy" "controller" {
  for_each = local.controller_policies

  name        = "${var.cluster_name}-${each.key}"
  path        = "/${var.cluster_name}/"
  description = "Controller of ${var.cluster_name}: ${each.key}"
  policy      = each.value
}

resource "aws_iam_role_policy_attachment" "controller" {
  for_each = local.controller_policies

  role       = aws_iam_role.controller[each.key].name
  policy_arn = aws_iam_policy.controller[each.key].arn
}

resource "aws_iam_role_policy_attachment" "worker_controller" {
  for_each = toset(local.worker_controllers)

  role       = aws_iam_role.machine["worker"].name
  policy_arn = aws_iam_policy.controller[each.key].arn
}

data "aws_iam_policy_document" "external_secrets" {
  statement {
    sid       = "ReadParameters"
    actions   = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:ListTagsForResource"]
    resources = [local.parameter, "${local.parameter}/*"]
  }

  statement {
    sid       = "FindParameters"
    actions   = ["ssm:DescribeParameters"] # knows no resources
    resources = ["*"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:PARAMETER_ARN"
      values   = ["${local.parameter}/*"]
    }
  }

  # Nor a backup's etcd, which holds as much. An explicit Deny on the parameter would not do: GetParametersByPath does
  # not look at it.
  statement {
    sid       = "NeverTheKubeconfig"
    effect    = "Deny"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:PARAMETER_ARN"
      values   = [for name in ["kubeconfig", "restore-source"] : "${local.parameter}/cluster/${name}"]
    }
  }
}

data "aws_iam_policy_document" "external_dns" {
  statement {
    sid       = "ChangeRecords"
    actions   = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:ListTagsForResource"]
    resources = ["${local.arn}:route53:::hostedzone/${var.zone_id == null ? "*" : var.zone_id}"]
  }

  statement {
    sid       = "FindZones"
    actions   = ["route53:ListHostedZones", "route53:ListHostedZonesByName", "route53:ListTagsForResources"]
    resources = ["*"]
  }
}

# What the driver asks for (docs/example-iam-policy.json of 1.64), without copies of volumes, locked and fast snapshots.
data "aws_iam_policy_document" "ebs_csi" {
  statement {
    sid = "Look"
    actions = [
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeInstances",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeSnapshots",
      "ec2:DescribeTags",
      "ec2:DescribeVolumes",
      "ec2:DescribeVolumesModifications",
      "ec2:DescribeVolumeStatus",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Create"
    actions   = ["ec2:CreateVolume", "ec2:CreateSnapshot"]
    resources = ["${local.arn}:ec2:${var.region}:*:volume/*", "${local.arn}:ec2:${var.region}:*:snapshot/*"]
  }

  statement {
    sid       = "TagAtCreation"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn}:ec2:${var.region}:*:volume/*", "${local.arn}:ec2:${var.region}:*:snapshot/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateVolume", "CreateSnapshot"]
    }
  }

  statement { # a changed tag of a volume attributes class
    sid       = "UntagOwn"
    actions   = ["ec2:DeleteTags"]
    resources = ["${local.arn}:ec2:${var.region}:*:volume/*", "${local.arn}:ec2:${var.region}:*:snapshot/*"]

    condition {
      test     = "StringLike"
      variable = "ec2:ResourceTag/ebs.csi.aws.com/cluster"
      values   = ["true"]
    }
  }

  statement {
    sid       = "AttachVolumes"
    actions   = ["ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyVolume"]
    resources = ["${local.arn}:ec2:${var.region}:*:volume/*"]
  }

  statement {
    sid       = "ToOwnMachines"
    actions   = ["ec2:AttachVolume", "ec2:DetachVolume"]
    resources = ["${local.arn}:ec2:${var.region}:*:instance/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/kubernetes.io/cluster/${var.cluster_name}"
      values   = ["owned"]
    }
  }

  statement {
    sid       = "DeleteOwnVolumes"
    actions   = ["ec2:DeleteVolume", "ec2:DeleteSnapshot"]
    resources = ["*"]

    condition {
      test     = "StringLike"
      variable = "ec2:ResourceTag/ebs.csi.aws.com/cluster"
      values   = ["true"]
    }
  }

  # Through EC2 only: the same key guards the SecureStrings, the administrator's kubeconfig among them, and whoever
  # may call KMS itself could decrypt what SSM hands out as ciphertext.
  statement {
    sid       = "UseKey"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ec2.${var.region}.${data.aws_partition.current.dns_suffix}"]
    }
  }

  statement {
    sid       = "GrantKeyToVolumes"
    actions   = ["kms:CreateGrant"]
    resources = [var.kms_key_arn]

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["ec2.${var.region}.${data.aws_partition.current.dns_suffix}"]
    }
  }
}
