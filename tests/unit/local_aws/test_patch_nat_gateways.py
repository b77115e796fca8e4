from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_aws.machines import ApplyPatch, Place, place

pytestmark = pytest.mark.usefixtures("aws")


def deleted(here: Place) -> tuple[str, Any]:
    """The id of a deleted gateway, and its address."""
    allocation = here.address()["AllocationId"]
    made = here.ec2.create_nat_gateway(SubnetId=here.subnet, AllocationId=allocation)["NatGateway"]
    here.ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    (address,) = here.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    return made["NatGatewayId"], address


def test_unpatched_moto_keeps_address_and_interface() -> None:
    here = place()
    _, address = deleted(here)
    assert "AssociationId" in address
    assert len(here.interfaces()) == 1


def test_a_deleted_gateway_lets_go_of_address_and_interface(patch: ApplyPatch) -> None:
    patch("nat_gateways")
    here = place()
    gateway, address = deleted(here)
    assert "AssociationId" not in address
    assert here.interfaces() == []
    (found,) = here.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    assert found["State"] == "deleted"
    here.ec2.release_address(AllocationId=address["AllocationId"])


def test_unpatched_moto_answers_an_unknown_id_with_nothing() -> None:
    assert place().ec2.describe_nat_gateways(NatGatewayIds=["nat-0"])["NatGateways"] == []


@pytest.mark.parametrize("operation", ["describe", "delete"])
def test_an_unknown_gateway_is_an_error(patch: ApplyPatch, operation: str) -> None:
    patch("nat_gateways")
    ec2 = place().ec2
    with pytest.raises(ClientError, match="NatGatewayNotFound"):
        if operation == "describe":
            ec2.describe_nat_gateways(NatGatewayIds=["nat-0"])
        else:
            ec2.delete_nat_gateway(NatGatewayId="nat-0")


@pytest.mark.parametrize(("patched", "kind"), [(False, "interface"), (True, "nat_gateway")])
def test_its_interface_says_whose_it_is(patched: bool, kind: str, patch: ApplyPatch) -> None:
    if patched:
        patch("nat_gateways")
    here = place()
    made = here.ec2.create_nat_gateway(SubnetId=here.subnet, ConnectivityType="private")["NatGateway"]
    (interface,) = here.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert interface["InterfaceType"] == kind
    assert (made["NatGatewayId"] in interface["Description"]) == patched
