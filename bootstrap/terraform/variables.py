"""The configuration as Terraform variables. Pure."""

from __future__ import annotations

from bootstrap.config.model import Environment, Node


def variables(config: Environment) -> dict[str, object]:
    """For `bootstrap.auto.tfvars.json`; `terraform.variables` of the configuration has the last word."""
    network = config.network
    return {
        "project": config.project,
        "environment": config.name,
        "region": config.region,
        "ssm_prefix": config.ssm_prefix,
        "vpc_cidr": network.vpc_cidr,
        "public_subnets": list(network.public_subnets),
        "private_subnets": list(network.private_subnets),
        "domain": config.domain,
        "zone_id": config.zone_id,
        "kubernetes_version": config.kubernetes_version,
        "nodes": {node.name: _node(node) for node in config.nodes},
        **config.terraform.variables,
    }


def _node(node: Node) -> dict[str, object]:
    return {
        "role": node.role,
        "instance_type": node.instance_type,
        "volume_gb": node.volume_gb,
        "subnet": node.subnet,
        "labels": dict(node.labels),
        "taints": [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in node.taints],
    }
