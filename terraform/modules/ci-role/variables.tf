variable "name" {
  description = "Name of the role."
  type        = string
  default     = "bootstrap-nightly"
}

variable "oidc_provider_arn" {
  description = "ARN of the account's OIDC provider for https://token.actions.githubusercontent.com; there is one an account."
  type        = string
}

variable "repository" {
  description = "The GitHub repository that may take on the role, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, without wildcards."
  }
}

variable "branch" {
  description = "The branch whose workflows may take on the role."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "branch must be one branch, without wildcards."
  }
}

variable "policy_arns" {
  description = "ARNs of the policies that allow what Terraform and `bootstrap` do; preflight names what is denied."
  type        = list(string)
}
