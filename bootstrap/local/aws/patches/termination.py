"""Terminating an instance deletes the interfaces made for it and disassociates its Elastic IPs.

moto keeps an interface unless DeleteOnTermination was sent, although AWS defaults to true for interfaces made
at launch: they pile up and block subnets and security groups. It also leaves Elastic IPs associated.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instances import Instance, InstanceState

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(Instance, "prep_nics", _with_default(Instance.prep_nics))
    patch(Instance, "terminate", _letting_go(Instance.terminate))


def _with_default(original: Any) -> Any:
    def prep_nics(self: Instance, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        original(self, nic_spec, *args, **kwargs)
        # An interface that existed before stays; one made here is deleted, unless the request says otherwise.
        spare = {int(nic["DeviceIndex"]) for nic in nic_spec if _is_to_stay(nic)}
        for index, interface in self.nics.items():
            if index not in spare:
                interface.delete_on_termination = True

    return prep_nics


def _is_to_stay(nic: dict[str, Any]) -> bool:
    return "NetworkInterfaceId" in nic or nic.get("DeleteOnTermination") is False


def _letting_go(original: Any) -> Any:
    def terminate(self: Instance) -> InstanceState:
        for address in self.ec2_backend.addresses:
            if address.eni in self.network_interfaces:
                self.ec2_backend.disassociate_address(address=address.public_ip)
        kept = [nic for nic in self.network_interfaces if nic.id in self.ec2_backend.enis]
        previous: InstanceState = original(self) if self.state != "terminated" else _copy_of(self)
        for interface in kept:
            if interface.id in self.ec2_backend.enis:
                interface.status, interface.instance = "available", None
                interface.attachment_id = None
        return previous

    return terminate


def _copy_of(instance: Instance) -> InstanceState:
    """Terminating twice is allowed; moto would look for volumes and interfaces that are gone."""
    return InstanceState(instance.state, instance.state_code)
