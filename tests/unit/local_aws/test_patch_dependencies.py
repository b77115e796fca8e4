from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws_context import client
from tests.unit.local_aws.machines import ApplyPatch, Place, place

pytestmark = pytest.mark.usefixtures("aws")


def balanced(here: Place, **more: Any) -> str:
    """The ARN of a load balancer in a place's subnet and group."""
    made = client("elbv2").create_load_balancer(
        Name="web", Subnets=[here.subnet], SecurityGroups=[here.group], **more
    )
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def test_unpatched_moto_gives_a_load_balancer_no_interfaces() -> None:
    here = place()
    balanced(here)
    assert here.interfaces() == []


def test_unpatched_moto_deletes_what_an_interface_needs() -> None:
    here = place()
    here.ec2.create_network_interface(SubnetId=here.subnet, Groups=[here.group])
    here.ec2.delete_security_group(GroupId=here.group)
    here.ec2.delete_subnet(SubnetId=here.subnet)
    assert here.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])["Subnets"] == []


def test_a_load_balancer_holds_an_interface_in_its_subnet_until_it_goes(patch: ApplyPatch) -> None:
    patch("load_balancers")
    here = place()
    arn = balanced(here)
    (interface,) = here.interfaces()
    assert interface["Description"] == f"ELB {arn.partition(':loadbalancer/')[2]}"
    assert [group["GroupId"] for group in interface["Groups"]] == [here.group]
    assert not interface["TagSet"]
    client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    assert here.interfaces() == []


def test_what_an_interface_is_in_cannot_go_before_it(patch: ApplyPatch) -> None:
    patch("load_balancers")
    patch("dependencies")
    here = place()
    arn = balanced(here)
    for deletion, which in (
        (here.ec2.delete_subnet, {"SubnetId": here.subnet}),
        (here.ec2.delete_security_group, {"GroupId": here.group}),
    ):
        with pytest.raises(ClientError, match="DependencyViolation"):
            deletion(**which)
    client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    here.ec2.delete_security_group(GroupId=here.group)
    here.ec2.delete_subnet(SubnetId=here.subnet)
    here.ec2.delete_vpc(VpcId=here.vpc)


def named_by(other: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": other}]}]


def test_a_group_that_another_one_names_cannot_go_before_that_rule(patch: ApplyPatch) -> None:
    patch("dependencies")
    here = place()
    other = here.ec2.create_security_group(GroupName="other", Description="x", VpcId=here.vpc)["GroupId"]
    here.ec2.authorize_security_group_egress(GroupId=other, IpPermissions=named_by(here.group))
    here.ec2.authorize_security_group_ingress(GroupId=here.group, IpPermissions=named_by(here.group))
    with pytest.raises(ClientError, match="DependencyViolation"):
        here.ec2.delete_security_group(GroupId=here.group)
    here.ec2.revoke_security_group_egress(GroupId=other, IpPermissions=named_by(here.group))
    here.ec2.delete_security_group(GroupId=here.group)


def acls(here: Place) -> int:
    told = here.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])
    return len(told["NetworkAcls"])


@pytest.mark.parametrize("patched", [False, True])
def test_a_vpc_goes_after_what_lies_in_it_and_with_its_acl(patch: ApplyPatch, patched: bool) -> None:
    if patched:
        patch("dependencies")
    here = place()
    here.ec2.delete_subnet(SubnetId=here.subnet)
    if patched:
        with pytest.raises(ClientError, match="DependencyViolation"):
            here.ec2.delete_vpc(VpcId=here.vpc)
        here.ec2.delete_security_group(GroupId=here.group)
        gateway = here.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        here.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=here.vpc)
        with pytest.raises(ClientError, match="DependencyViolation"):
            here.ec2.delete_vpc(VpcId=here.vpc)
        here.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=here.vpc)
    here.ec2.delete_vpc(VpcId=here.vpc)
    assert acls(here) == (0 if patched else 1)


def test_nobody_else_can_delete_a_load_balancers_interface(patch: ApplyPatch) -> None:
    patch("load_balancers")
    here = place()
    balanced(here)
    (interface,) = here.interfaces()
    assert interface["RequesterManaged"]
    assert interface["Status"] == "in-use"
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        here.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
