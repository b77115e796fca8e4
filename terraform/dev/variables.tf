# Identity

variable "project" {
  description = "Short name of the project; part of every resource name."
  type        = string
  default     = "eco2"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.project))
    error_message = "The project must be 1 to 16 lower-case letters, digits or dashes, and start with a letter."
  }
}

variable "environment" {
  description = "Name of the environment; part of every resource name."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment))
    error_message = "The environment must be 1 to 16 lower-case letters, digits or dashes, and start with a letter."
  }
}

variable "region" {
  description = "AWS region that everything is created in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region must look like ap-northeast-2."
  }
}

variable "ssm_prefix" {
  description = "SSM path below which facts are published and machines leave their kubeconfig, join data and markers."
  type        = string
  default     = "/eco2/dev"

  validation {
    # 15 levels are SSM's limit; the deepest name below the prefix adds 3.
    condition     = can(regex("^(/[A-Za-z0-9_.-]+){1,12}$", var.ssm_prefix)) && !can(regex("(?i)^/(aws|ssm)", var.ssm_prefix))
    error_message = "The SSM prefix must look like /project/environment: no trailing slash, at most 12 levels, not below /aws or /ssm."
  }
}

variable "expires_at" {
  description = "When this environment may be removed by a reaper, RFC 3339; null for never."
  type        = string
  default     = null

  validation {
    condition     = var.expires_at == null || can(formatdate("YYYY", var.expires_at))
    error_message = "expires_at must be an RFC 3339 time, for example 2026-01-31T20:00:00Z."
  }
}

variable "tags" {
  description = "Further tags for every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = length([for key in keys(var.tags) : key if can(regex("^(aws:|bootstrap:)|^Name$", key))]) == 0
    error_message = "Tags named Name or starting with aws: or bootstrap: are reserved."
  }
}

# Network

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(regex("/(1[6-9]|2[0-8])$", var.vpc_cidr)) && can(cidrhost(var.vpc_cidr, 0))
    error_message = "The VPC needs an IPv4 CIDR between /16 and /28."
  }
}

variable "public_subnets" {
  description = "CIDRs of the three public subnets, one an availability zone."
  type        = list(string)
  default     = ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]

  validation {
    condition     = length(var.public_subnets) == 3 && alltrue([for cidr in var.public_subnets : can(cidrhost(cidr, 0))])
    error_message = "Give three IPv4 CIDRs for the public subnets."
  }
}

variable "private_subnets" {
  description = "CIDRs of the three private subnets, one an availability zone."
  type        = list(string)
  default     = ["10.0.128.0/20", "10.0.144.0/20", "10.0.160.0/20"]

  validation {
    condition     = length(var.private_subnets) == 3 && alltrue([for cidr in var.private_subnets : can(cidrhost(cidr, 0))])
    error_message = "Give three IPv4 CIDRs for the private subnets."
  }
}

variable "nat" {
  description = "NAT gateways for the private subnets: none, single or per-zone. null: single if a node is in a private subnet, else none."
  type        = string
  default     = null

  validation {
    condition     = var.nat == null || contains(["none", "single", "per-zone"], coalesce(var.nat, "none"))
    error_message = "nat must be none, single or per-zone."
  }
}

variable "enable_dns_hostnames" {
  description = "Public DNS names for machines. Needed only for private hosted zones and interface endpoints with private DNS."
  type        = bool
  default     = false
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes API server (6443), which asks for a client certificate. Narrow this to your own addresses."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.api_cidrs : can(cidrhost(cidr, 0))])
    error_message = "api_cidrs must be IPv4 CIDRs."
  }
}

variable "ssh_cidrs" {
  description = "Who may reach SSH. Empty: nobody; use Session Manager, which every machine supports."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : can(cidrhost(cidr, 0)) && !can(regex("/0$", cidr))])
    error_message = "ssh_cidrs must be IPv4 CIDRs, and not the whole internet."
  }
}

# DNS and TLS

variable "domain" {
  description = "Domain of the platform; the certificate covers it and all names directly below."
  type        = string
  default     = "example.com"

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "The domain must be a lower-case DNS name such as dev.example.com."
  }
}

variable "zone_id" {
  description = "Route 53 hosted zone of the domain. null: make the certificate's validation records yourself, see output certificate_validation_records."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "A hosted zone's ID starts with Z."
  }
}

# Cluster

variable "kubernetes_version" {
  description = "Kubernetes minor version that kubeadm installs."
  type        = string
  default     = "1.37"

  validation {
    condition     = can(regex("^1\\.(3[1-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "The Kubernetes version must be a minor version such as 1.37, and at least 1.31 (kubeadm v1beta4)."
  }
}

variable "calico_version" {
  description = "Calico that the control plane installs so that nodes become Ready; the GitOps repository takes it over."
  type        = string
  default     = "v3.32.1"

  validation {
    condition     = can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+$", var.calico_version))
    error_message = "The Calico version must look like v3.32.1."
  }
}

variable "pod_cidr" {
  description = "Addresses of pods (Calico, VXLAN)."
  type        = string
  default     = "192.168.0.0/16"

  validation {
    condition     = can(cidrhost(var.pod_cidr, 0))
    error_message = "The pod CIDR must be an IPv4 CIDR."
  }
}

variable "service_cidr" {
  description = "Addresses of Services."
  type        = string
  default     = "10.96.0.0/12"

  validation {
    condition     = can(cidrhost(var.service_cidr, 0))
    error_message = "The Service CIDR must be an IPv4 CIDR."
  }
}

variable "ami_id" {
  description = "Ubuntu image of the machines. null: Canonical's newest Ubuntu 24.04."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "An image's ID looks like ami-0123456789abcdef0."
  }
}

variable "architecture" {
  description = "Processor of all machines: amd64 or arm64. Must fit the instance types."
  type        = string
  default     = "amd64"

  validation {
    condition     = contains(["amd64", "arm64"], var.architecture)
    error_message = "The architecture must be amd64 or arm64."
  }
}

variable "nodes" {
  description = <<-EOT
    The machines, by node name. `role` is control-plane (exactly one) or worker, `subnet` public or private, `volume_gb`
    the encrypted root volume's size in GiB. `zone` picks the subnet (0 to 2), for example after a lack of capacity; null
    spreads nodes by a hash of their name, so that adding one moves no other.
  EOT
  type = map(object({
    role          = string
    instance_type = string
    volume_gb     = number
    subnet        = optional(string, "public")
    zone          = optional(number)
    labels        = optional(map(string), {})
    taints = optional(list(object({
      key    = string
      value  = optional(string, "")
      effect = optional(string, "NoSchedule")
    })), [])
  }))

  validation {
    condition     = length([for node in values(var.nodes) : node if node.role == "control-plane"]) == 1
    error_message = "Exactly one node must have the role control-plane."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : contains(["control-plane", "worker"], node.role)])
    error_message = "A node's role must be control-plane or worker."
  }

  validation {
    condition     = alltrue([for name in keys(var.nodes) : can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "A node's name must be at most 40 lower-case letters, digits and dashes."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : contains(["public", "private"], node.subnet)])
    error_message = "A node's subnet must be public or private."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : contains([0, 1, 2], coalesce(node.zone, 0))])
    error_message = "A node's zone must be 0, 1 or 2."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : node.volume_gb >= 10 && node.volume_gb <= 16384])
    error_message = "A node's volume must be between 10 and 16384 GiB."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", node.instance_type))])
    error_message = "An instance type looks like t3.medium."
  }

  validation {
    condition = alltrue(flatten([
      for node in values(var.nodes) : [
        for taint in node.taints : contains(["NoSchedule", "PreferNoSchedule", "NoExecute"], taint.effect)
      ]
    ]))
    error_message = "A taint's effect must be NoSchedule, PreferNoSchedule or NoExecute."
  }

  validation {
    condition = alltrue([
      for node in values(var.nodes) : length(distinct(node.taints[*].key)) == length(node.taints)
    ])
    error_message = "A node's taints must have different keys: instance tags are keyed by them."
  }

  validation {
    # The kubelet may not give itself labels in Kubernetes' own domains (NodeRestriction); some characters end the flag.
    condition = alltrue(flatten([
      for node in values(var.nodes) : [
        for key, value in node.labels :
        can(regex("^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$", key)) &&
        can(regex("^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$", value)) &&
        !can(regex("(^|\\.)(kubernetes|k8s)\\.io/", key))
      ]
    ]))
    error_message = "A node's labels must be valid Kubernetes labels outside of kubernetes.io and k8s.io."
  }
}
