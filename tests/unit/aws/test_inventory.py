"""Everything that carries our tags is found, what is gone is not, what is not ours never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.inventory import Resource, inventory
from tests.aws_context import REGION, client
from tests.aws_resources import OURS, OWNER, THEIRS, make_all, pairs, spec


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    with mock_aws():
        yield client


def seen(aws: Callable[[str], Any]) -> list[Resource]:
    return list(inventory(lambda service: Api(aws(service)), OWNER))


def test_an_empty_account_has_nothing(aws: Callable[[str], Any]) -> None:
    assert seen(aws) == []


def test_one_of_every_kind_is_found_and_nothing_of_another_environment(aws: Callable[[str], Any]) -> None:
    make_all(aws, THEIRS, "prod")
    assert seen(aws) == []
    made = make_all(aws, OURS, "dev")
    assert {resource.kind: resource.id for resource in seen(aws)} == made
    assert "cp" in {resource.name for resource in seen(aws)}


def test_what_is_gone_is_not_listed(aws: Callable[[str], Any]) -> None:
    made = make_all(aws, OURS, "dev")
    aws("ec2").terminate_instances(InstanceIds=[made["ec2 instance"]])
    aws("ec2").delete_nat_gateway(NatGatewayId=made["ec2 NAT gateway"])
    aws("kms").schedule_key_deletion(KeyId=made["kms key"].split("/")[-1])
    aws("s3").delete_bucket(Bucket=made["s3 bucket"])
    gone = {"ec2 instance", "ec2 NAT gateway", "kms key", "s3 bucket"}
    assert {resource.kind for resource in seen(aws)} == made.keys() - gone


def test_what_the_controllers_of_the_cluster_made_is_found(aws: Callable[[str], Any]) -> None:
    volume = aws("ec2").create_volume(
        AvailabilityZone=f"{REGION}a", Size=1, **spec("volume", {"kubernetes.io/cluster/eco2-dev": "owned"})
    )["VolumeId"]
    vpc = aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    net = aws("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    tags = pairs({"elbv2.k8s.aws/cluster": "eco2-dev"})
    aws("elbv2").create_load_balancer(Name="k8s-dev", Subnets=[net], Tags=tags)
    assert [(resource.kind, resource.name) for resource in seen(aws)] == [
        ("ec2 volume", ""),
        ("elb load balancer", "k8s-dev"),
    ]
    assert seen(aws)[0].id == volume


def test_a_resource_names_itself_for_people() -> None:
    assert str(Resource("ec2 instance", "i-1", "cp")) == "ec2 instance i-1 (cp)"
    assert str(Resource("iam role", "r", "")) == "iam role r"
