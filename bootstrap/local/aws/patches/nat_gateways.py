"""With a NAT gateway, AWS deletes its interface, whose description names the gateway, and frees its address.

moto keeps both, so the address cannot be released, and the interface looks forgotten. It also answers an
unknown id with an empty list instead of an error, on which the provider panics, and the deletion of an
unknown id with an internal error.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.nat_gateways import NatGatewayBackend

from bootstrap.local.aws.patches import Setter


class NatGatewayNotFound(EC2ClientError):
    def __init__(self, gateway_id: str) -> None:
        super().__init__("NatGatewayNotFound", f"The Nat Gateway {gateway_id} was not found")


def apply(patch: Setter) -> None:
    patch(NatGatewayBackend, "create_nat_gateway", _with_its_own(NatGatewayBackend.create_nat_gateway))
    patch(NatGatewayBackend, "describe_nat_gateways", _known(NatGatewayBackend.describe_nat_gateways))
    patch(NatGatewayBackend, "delete_nat_gateway", _letting_go(NatGatewayBackend.delete_nat_gateway))


def _with_its_own(original: Any) -> Any:
    def create_nat_gateway(self: Any, *args: Any, **kwargs: Any) -> Any:
        gateway = original(self, *args, **kwargs)
        gateway._eni.interface_type = "nat_gateway"
        gateway._eni.description = f"Interface for NAT Gateway {gateway.id}"  # as AWS words it
        return gateway

    return create_nat_gateway


def _check(backend: NatGatewayBackend, gateway_id: str) -> None:
    if gateway_id not in backend.nat_gateways:
        raise NatGatewayNotFound(gateway_id)


def _known(original: Any) -> Any:
    def describe_nat_gateways(
        self: NatGatewayBackend, filters: Any, nat_gateway_ids: list[str] | None
    ) -> Any:
        for gateway_id in nat_gateway_ids or ():
            _check(self, gateway_id)
        return original(self, filters, nat_gateway_ids)

    return describe_nat_gateways


def _letting_go(original: Any) -> Any:
    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        _check(self, nat_gateway_id)
        gateway = original(self, nat_gateway_id)
        for address in self.addresses:
            if address.eni is gateway._eni:
                self.disassociate_address(address=address.public_ip)
        self.enis.pop(gateway._eni.id, None)
        return gateway

    return delete_nat_gateway
