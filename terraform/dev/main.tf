locals {
  cluster_name = "${var.project}-${var.environment}"

  tags = merge(
    var.tags,
    {
      "bootstrap:project"     = var.project
      "bootstrap:environment" = var.environment
    },
    var.expires_at == null ? {} : { "bootstrap:expires-at" = var.expires_at },
  )

  private_nodes = [for node in values(var.nodes) : node if node.subnet == "private"]
  nat           = coalesce(var.nat, length(local.private_nodes) > 0 ? "single" : "none")
}

module "network" {
  source = "../modules/network"

  cluster_name         = local.cluster_name
  vpc_cidr             = var.vpc_cidr
  public_subnets       = var.public_subnets
  private_subnets      = var.private_subnets
  nat                  = local.nat
  enable_dns_hostnames = var.enable_dns_hostnames
}

module "security" {
  source = "../modules/security"

  cluster_name = local.cluster_name
  vpc_id       = module.network.vpc_id
  api_cidrs    = var.api_cidrs
  ssh_cidrs    = var.ssh_cidrs
}

module "kms" {
  source = "../modules/kms"

  cluster_name = local.cluster_name
}

module "iam" {
  source = "../modules/iam"

  cluster_name = local.cluster_name
  region       = var.region
  ssm_prefix   = var.ssm_prefix
  kms_key_arn  = module.kms.key_arn
  zone_id      = var.zone_id
}

module "certificate" {
  source = "../modules/certificate"

  domain  = var.domain
  zone_id = var.zone_id
}

module "nodes" {
  source = "../modules/nodes"

  cluster_name       = local.cluster_name
  region             = var.region
  ssm_prefix         = var.ssm_prefix
  kubernetes_version = var.kubernetes_version
  calico_version     = var.calico_version
  pod_cidr           = var.pod_cidr
  service_cidr       = var.service_cidr
  nodes              = var.nodes
  ami_id             = var.ami_id
  architecture       = var.architecture
  subnet_ids         = { public = module.network.public_subnet_ids, private = module.network.private_subnet_ids }
  security_group_id  = module.security.cluster_security_group_id
  instance_profiles  = module.iam.instance_profiles
  kms_key_arn        = module.kms.key_arn
  kms_key_alias      = module.kms.alias
  volume_tags        = local.tags
}

module "facts" {
  source = "../modules/facts"

  prefix = var.ssm_prefix
  facts = merge(
    {
      "network/vpc-id"          = module.network.vpc_id
      "network/public-subnets"  = join(",", module.network.public_subnet_ids)
      "network/private-subnets" = join(",", module.network.private_subnet_ids)
      "network/cluster-sg-id"   = module.security.cluster_security_group_id
      "network/alb-sg-id"       = module.security.alb_security_group_id
      "acm/certificate-arn"     = module.certificate.arn
      "cluster/name"            = local.cluster_name
      "cluster/region"          = var.region
      "dns/domain"              = var.domain
    },
    { for name, arn in module.iam.role_arns : "iam/${name}-role-arn" => arn },
  )
}
