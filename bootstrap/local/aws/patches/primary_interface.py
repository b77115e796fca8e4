"""An instance has the security groups of its primary interface, and no Association without a public IP.

moto keeps them apart: groups given on the primary interface are missing from the instance, so Terraform adds
them in every run. And it returns an empty Association, which the provider takes for a public IP that has to
be removed: it replaces the instance in every run.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(Instance, "security_groups", property(_groups, _set_groups))
    patch(NetworkInterface, "group_set", property(lambda interface: list(interface._group_set)))
    patch(NetworkInterface, "association", property(_association_or_none(NetworkInterface.association)))


def _primary(instance: Instance) -> Any:
    return instance.__dict__.get("nics", {}).get(0)


def _groups(instance: Instance) -> list[Any]:
    """A new instance has no interface yet; until then the requested groups count."""
    primary = _primary(instance)
    return list(primary._group_set) if primary else list(instance.__dict__.get("requested_groups", ()))


def _set_groups(instance: Instance, groups: list[Any]) -> None:
    primary = _primary(instance)
    if primary:
        primary._group_set = list(groups)
    else:
        instance.__dict__["requested_groups"] = groups


def _association_or_none(original: Any) -> Any:
    return lambda interface: original.fget(interface) or None
