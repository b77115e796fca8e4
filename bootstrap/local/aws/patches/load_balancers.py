"""A load balancer has an untagged network interface in each of its subnets until it is deleted.

The service manages these interfaces: they are in use, and nobody else can delete them.

moto creates none. On AWS, an interface of a forgotten load balancer keeps its subnet, its security group and
its address from being deleted, which is how most teardowns fail.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.elbv2.models import ELBv2Backend

from bootstrap.local.aws.patches import Setter

_KINDS = {"network": "net", "gateway": "gwy"}  # as AWS words it in descriptions; "app" otherwise


def apply(patch: Setter) -> None:
    patch(ELBv2Backend, "create_load_balancer", _with_interfaces(ELBv2Backend.create_load_balancer))
    patch(ELBv2Backend, "delete_load_balancer", _and_interfaces(ELBv2Backend.delete_load_balancer))
    refusing = _unless_managed(NetworkInterfaceBackend.delete_network_interface)
    patch(NetworkInterfaceBackend, "delete_network_interface", refusing)


def description(arn: str) -> str:
    """`ELB app/name/id`: AWS's description of an interface names the load balancer."""
    return f"ELB {arn.partition(':loadbalancer/')[2]}"


def _with_interfaces(original: Any) -> Any:
    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        for subnet in made.subnets:
            interface = self.ec2_backend.create_network_interface(
                subnet, None, group_ids=list(made.security_groups or ()), description=description(made.arn)
            )
            hold(interface)
        return made

    return create_load_balancer


def _and_interfaces(original: Any) -> Any:
    def delete_load_balancer(self: Any, arn: str) -> Any:
        backend = ec2_backends[self.account_id][self.region_name]
        for interface in list(backend.enis.values()):
            if interface.description == description(arn):
                let_go(interface)
                backend.delete_network_interface(interface.id)
        return original(self, arn)

    return delete_load_balancer


def hold(interface: Any) -> None:
    interface.requester_managed, interface.status = True, "in-use"


def let_go(interface: Any) -> None:
    interface.status = "available"


def _unless_managed(original: Any) -> Any:
    def delete_network_interface(self: Any, eni_id: str) -> Any:
        interface = self.enis.get(eni_id)
        if interface and interface.requester_managed and interface.status == "in-use":
            told = f"Network interface '{eni_id}' is currently in use."
            raise EC2ClientError("InvalidParameterValue", told)
        return original(self, eni_id)

    return delete_network_interface
