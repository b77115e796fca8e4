from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local_aws.machines import ApplyPatch, place

pytestmark = pytest.mark.usefixtures("aws")


def group_ids(thing: Any) -> list[str]:
    return sorted(group["GroupId"] for group in thing.get("SecurityGroups", thing.get("Groups", [])))


def test_unpatched_moto_forgets_the_groups_of_the_primary_interface() -> None:
    assert not group_ids(place().run())


def test_an_instance_has_the_groups_of_its_primary_interface(patch: ApplyPatch) -> None:
    patch("primary_interface")
    here = place()
    instance = here.run()
    assert group_ids(instance) == [here.group] == group_ids(instance["NetworkInterfaces"][0])


def test_groups_given_to_the_instance_itself_work_as_before(patch: ApplyPatch) -> None:
    patch("primary_interface")
    here = place()
    instance = here.ec2.run_instances(
        ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=here.subnet, SecurityGroupIds=[here.group]
    )["Instances"][0]
    assert group_ids(here.look(instance["InstanceId"])) == [here.group]


def test_changing_groups_replaces_them_on_instance_and_interface(patch: ApplyPatch) -> None:
    patch("primary_interface")
    here = place()
    other = here.ec2.create_security_group(GroupName="other", Description="other", VpcId=here.vpc)["GroupId"]
    instance = here.run()["InstanceId"]
    here.ec2.modify_instance_attribute(InstanceId=instance, Groups=[other])
    assert group_ids(here.look(instance)) == [other] == group_ids(here.interfaces()[0])
    interface = here.interfaces()[0]["NetworkInterfaceId"]
    here.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[here.group])
    assert group_ids(here.look(instance)) == [here.group]


def test_unpatched_moto_answers_an_empty_association() -> None:
    assert place().run()["NetworkInterfaces"][0]["Association"] == {}


@pytest.mark.parametrize("public", [True, False])
def test_only_a_public_address_is_an_association(patch: ApplyPatch, public: bool) -> None:
    patch("primary_interface")
    instance = place().run(interface={"AssociatePublicIpAddress": public})
    assert bool(instance.get("PublicIpAddress")) is public
    assert ("Association" in instance["NetworkInterfaces"][0]) is public
