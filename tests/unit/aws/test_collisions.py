"""What carries our names and is not ours is named, before anything is made and when all goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.audit import RECORD, audit
from bootstrap.aws.collisions import collisions
from bootstrap.aws.inventory import Proof
from bootstrap.steps import keeping, sweep
from tests.aws_context import REGION, client
from tests.aws_resources import IMAGE, OURS, OWNER, make_all, pairs, spec
from tests.unit.aws.test_removal import record, text, zone

EKS = {"kubernetes.io/cluster/eco2-dev": "owned"}
EVERYTHING = keeping.Policy((), frozenset(), "eco2-dev-backups")


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    with mock_aws():
        yield client


def connect(service: str) -> Api:
    return Api(client(service))


def foreign(aws: Callable[[str], Any]) -> set[str]:
    """A cluster of our name that another tool has made; ids."""
    vpc = aws("ec2").create_vpc(CidrBlock="10.9.0.0/16", **spec("vpc", EKS))["Vpc"]["VpcId"]
    net = aws("ec2").create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    made = aws("ec2").run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=net, **spec("instance", {**EKS, "Name": "eks-node"})
    )
    volume = aws("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=9, **spec("volume", EKS))
    aws("ssm").put_parameter(Name="/x", Value="y", Type="String", Tags=pairs(EKS))
    return {vpc, made["Instances"][0]["InstanceId"], volume["VolumeId"], "/x"}


@pytest.mark.parametrize("beside", [False, True])
def test_a_foreign_cluster_of_our_name_is_named_and_never_goes(
    aws: Callable[[str], Any], beside: bool
) -> None:
    theirs = foreign(aws)
    ours = make_all(aws, OURS, "dev") if beside else {}
    found = audit(connect, OWNER)
    assert {each.resource.id for each in found if each.proof is Proof.MARKED} == theirs
    going = {each.resource.id for each in found if sweep._goes(each) or EVERYTHING.goes(each)}
    assert going == set(ours.values())
    told = {str(each): each.harmless for each in collisions(connect, OURS, "eco2-dev", "/eco2/dev")}
    named = {which: harmless for line, harmless in told.items() for which in theirs if f" {which}" in line}
    assert named.keys() == theirs
    assert {which[:4] for which, harmless in named.items() if harmless} == {"vol-", "/x"}


def test_what_is_ours_is_no_collision(aws: Callable[[str], Any]) -> None:
    make_all(aws, OURS, "dev")
    assert list(collisions(connect, OURS, "eco2-dev", "/eco2/dev", "dev.example.com")) == []


def test_an_instance_profile_of_our_name_in_other_hands_is_named(aws: Callable[[str], Any]) -> None:
    aws("iam").create_instance_profile(InstanceProfileName="eco2-dev-worker")
    (found,) = collisions(connect, OURS, "eco2-dev")
    assert "instance-profile/eco2-dev-worker" in found.what


def test_records_of_a_foreign_cluster_of_our_name_stay_and_are_named(aws: Callable[[str], Any]) -> None:
    """ExternalDNS of ours writes below the domain; the zone above may hold another cluster's."""
    zone(
        aws,
        record("dev.example.com", "A", "10.0.0.1"),
        record("cname-dev.example.com", "TXT", text("eco2-dev")),
        record("shop.dev.example.com", "A", "10.0.0.1"),
        record("shop.dev.example.com", "TXT", text("eco2-dev")),
        record("www.example.com", "A", "10.0.0.2"),
        record("www.example.com", "TXT", text("eco2-dev")),
        record("notdev.example.com", "A", "10.0.0.2"),
        record("notdev.example.com", "TXT", text("eco2-dev")),
    )
    found = {each.resource.name: each.proof for each in audit(connect, OWNER) if each.resource.kind == RECORD}
    ours = ("dev.example.com", "cname-dev.example.com", "shop.dev.example.com")
    theirs = ("www.example.com", "notdev.example.com")
    assert found == dict.fromkeys(ours, Proof.RECORD) | dict.fromkeys(theirs, Proof.MARKED)
    named = list(collisions(connect, OURS, "eco2-dev", "/eco2/dev", "dev.example.com"))
    assert len(named) == 4
    assert all(each.harmless and ("www" in each.what or "notdev" in each.what) for each in named)
