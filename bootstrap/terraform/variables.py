"""The configuration as Terraform variables. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bootstrap.config.model import Environment, Node
from bootstrap.terraform.shortage import Place


def variables(
    config: Environment, places: Mapping[str, Place] | None = None, expires_at: str = ""
) -> dict[str, object]:
    """For `bootstrap.auto.tfvars.json`; `terraform.variables` of the configuration has the last word.

    `places` are those of nodes that have alternatives; `expires_at` is RFC 3339, empty for no expiry.
    """
    network = config.network
    return {
        "project": config.project,
        "environment": config.name,
        "region": config.region,
        "ssm_prefix": config.ssm_prefix,
        **({"expires_at": expires_at} if expires_at else {}),
        "vpc_cidr": network.vpc_cidr,
        "public_subnets": list(network.public_subnets),
        "private_subnets": list(network.private_subnets),
        "domain": config.domain,
        "zone_id": config.zone_id,
        "kubernetes_version": config.kubernetes_version,
        "nodes": {node.name: _node(node, (places or {}).get(node.name)) for node in config.nodes},
        **config.terraform.variables,
    }


def _node(node: Node, place: Place | None) -> dict[str, object]:
    zone = place.zone if place else node.zone
    return {
        "role": node.role,
        "instance_type": place.instance_type if place else node.instance_type,
        **({} if zone is None else {"zone": zone}),
        "volume_gb": node.volume_gb,
        "subnet": node.subnet,
        "labels": dict(node.labels),
        "taints": [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in node.taints],
    }
