output "cluster_name" {
  description = "Name of the cluster; part of every resource name."
  value       = local.cluster_name
}

output "domain" {
  description = "Domain of the platform."
  value       = var.domain
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "public_subnet_ids" {
  description = "The public subnets, one an availability zone."
  value       = module.network.public_subnet_ids
}

output "private_subnet_ids" {
  description = "The private subnets, one an availability zone."
  value       = module.network.private_subnet_ids
}

output "cluster_security_group_id" {
  description = "Security group of all nodes."
  value       = module.security.cluster_security_group_id
}

output "alb_security_group_id" {
  description = "Security group of the load balancers that the ALB controller makes."
  value       = module.security.alb_security_group_id
}

output "certificate_arn" {
  description = "ACM certificate of the domain and the names directly below it."
  value       = module.certificate.arn
}

output "certificate_validation_records" {
  description = "CNAME records that prove the domain is yours; make them by hand where no zone_id is given."
  value       = module.certificate.validation_records
}

output "kms_key_arn" {
  description = "Key of volumes and of SecureString parameters."
  value       = module.kms.key_arn
}

output "iam_role_arns" {
  description = "Roles of the cluster's controllers, which they assume with the credentials of their node."
  value       = module.iam.role_arns
}

output "instances" {
  description = "Machines by node name: id, availability_zone, private_ip, provider_id."
  value       = module.nodes.instances
}

output "kubeconfig_parameter" {
  description = "SSM SecureString in which the control plane publishes the administrator's kubeconfig."
  value       = "${var.ssm_prefix}/cluster/kubeconfig"
}
