from __future__ import annotations

import pytest

from tests.unit.local_aws.machines import ApplyPatch, Place, place

pytestmark = pytest.mark.usefixtures("aws")


def terminate(here: Place, instance: str) -> None:
    here.ec2.terminate_instances(InstanceIds=[instance])


def test_unpatched_moto_keeps_the_interface() -> None:
    here = place()
    terminate(here, here.run()["InstanceId"])
    assert len(here.interfaces()) == 1


def test_an_interface_made_for_the_instance_goes_with_it(patch: ApplyPatch) -> None:
    patch("termination")
    here = place()
    instance = here.run()["InstanceId"]
    terminate(here, instance)
    assert here.interfaces() == []
    assert here.look(instance)["State"]["Name"] == "terminated"


def test_one_that_is_to_stay_stays_and_is_free(patch: ApplyPatch) -> None:
    patch("termination")
    here = place()
    terminate(here, here.run(interface={"DeleteOnTermination": False})["InstanceId"])
    (kept,) = here.interfaces()
    assert (kept["Status"], "Attachment" in kept) == ("available", False)
    here.ec2.delete_network_interface(NetworkInterfaceId=kept["NetworkInterfaceId"])
    assert here.interfaces() == []


def test_one_that_was_there_before_stays(patch: ApplyPatch) -> None:
    patch("termination")
    here = place()
    own = here.ec2.create_network_interface(SubnetId=here.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    made = here.ec2.run_instances(
        ImageId="ami-1",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": own}],
    )
    terminate(here, made["Instances"][0]["InstanceId"])
    assert [interface["NetworkInterfaceId"] for interface in here.interfaces()] == [own]


def test_its_elastic_address_is_let_go(patch: ApplyPatch) -> None:
    patch("termination")
    here = place()
    instance = here.run()["InstanceId"]
    address = here.address()["AllocationId"]
    here.ec2.associate_address(AllocationId=address, InstanceId=instance)
    terminate(here, instance)
    (found,) = here.ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert not found.get("AssociationId") and not found.get("InstanceId")
    here.ec2.release_address(AllocationId=address)


def test_terminating_twice_is_allowed(patch: ApplyPatch) -> None:
    patch("termination")
    here = place()
    instance = here.run()["InstanceId"]
    terminate(here, instance)
    (again,) = here.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"]
    assert again["PreviousState"]["Name"] == "terminated"


def test_group_subnet_and_vpc_can_be_deleted_afterwards(patch: ApplyPatch) -> None:
    patch("primary_interface")
    patch("termination")
    here = place()
    terminate(here, here.run()["InstanceId"])
    here.ec2.delete_security_group(GroupId=here.group)
    here.ec2.delete_subnet(SubnetId=here.subnet)
    here.ec2.delete_vpc(VpcId=here.vpc)
    assert here.vpc not in [vpc["VpcId"] for vpc in here.ec2.describe_vpcs()["Vpcs"]]
