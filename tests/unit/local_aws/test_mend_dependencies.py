from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_aws.machines import Mend, Place, client, place

pytestmark = pytest.mark.usefixtures("aws")


def balanced(here: Place, **more: Any) -> str:
    """The ARN of a load balancer in a place's subnet and group."""
    made = client("elbv2").create_load_balancer(
        Name="web", Subnets=[here.subnet], SecurityGroups=[here.group], **more
    )
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def test_unmended_moto_gives_a_load_balancer_no_interfaces() -> None:
    here = place()
    balanced(here)
    assert here.interfaces() == []


def test_unmended_moto_deletes_what_an_interface_needs() -> None:
    here = place()
    here.ec2.create_network_interface(SubnetId=here.subnet, Groups=[here.group])
    here.ec2.delete_security_group(GroupId=here.group)
    here.ec2.delete_subnet(SubnetId=here.subnet)
    assert here.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [here.vpc]}])["Subnets"] == []


def test_a_load_balancer_holds_an_interface_in_its_subnet_until_it_goes(mend: Mend) -> None:
    mend("load_balancers")
    here = place()
    arn = balanced(here)
    (interface,) = here.interfaces()
    assert interface["Description"] == f"ELB {arn.partition(':loadbalancer/')[2]}"
    assert [group["GroupId"] for group in interface["Groups"]] == [here.group]
    assert not interface["TagSet"]
    client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    assert here.interfaces() == []


def test_what_an_interface_is_in_cannot_go_before_it(mend: Mend) -> None:
    mend("load_balancers")
    mend("dependencies")
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


def test_nobody_else_can_delete_a_load_balancers_interface(mend: Mend) -> None:
    mend("load_balancers")
    here = place()
    balanced(here)
    (interface,) = here.interfaces()
    assert interface["RequesterManaged"]
    assert interface["Status"] == "in-use"
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        here.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
