"""What the audit finds of an environment can be removed, whole; of a neighbour nothing goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.audit import RECORD, audit, owned_records
from bootstrap.aws.inventory import Found, Owner, Proof
from bootstrap.aws.removal import ORDER, order, remove
from bootstrap.local.aws.patches import dependencies, load_balancers, nat_gateways, termination
from tests.aws_context import client
from tests.aws_resources import OURS, OWNER, THEIRS, make_all, pairs, spec

NEIGHBOUR = Owner(THEIRS, "eco2-prod", "/eco2/prod", "prod.example.com")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    for module in (load_balancers, dependencies, nat_gateways, termination):
        module.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        yield client


def connect(aws: Callable[[str], Any]) -> Callable[[str], Api]:
    return lambda service: Api(aws(service))


def left(aws: Callable[[str], Any], owner: Owner = OWNER) -> list[Found]:
    return list(audit(connect(aws), owner))


def clear(aws: Callable[[str], Any], rounds: int = 6) -> list[Found]:
    for _ in range(rounds):
        found = left(aws)
        mine = [each.resource for each in found if each.proof is not Proof.INSIDE]
        if not mine:
            return found
        for resource in sorted(mine, key=order):
            remove(connect(aws), resource)
    return left(aws)


def record(name: str, kind: str, value: str) -> dict[str, Any]:
    return {"Name": f"{name}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}


def text(owner: str) -> str:
    return f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource=ingress/a/b"'


def zone(aws: Callable[[str], Any], *records: dict[str, Any]) -> str:
    made = aws("route53").create_hosted_zone(Name="example.com", CallerReference="z")["HostedZone"]["Id"]
    changes = [{"Action": "CREATE", "ResourceRecordSet": each} for each in records]
    aws("route53").change_resource_record_sets(HostedZoneId=made, ChangeBatch={"Changes": changes})
    return str(made)


def test_one_of_every_kind_goes_and_the_neighbours_stay(aws: Callable[[str], Any]) -> None:
    make_all(aws, THEIRS, "prod")
    before = left(aws, NEIGHBOUR)
    made = make_all(aws, OURS, "dev")
    assert {found.resource.kind for found in left(aws)} >= made.keys()
    assert clear(aws) == []
    assert left(aws, NEIGHBOUR) == before


def test_every_kind_that_the_inventory_can_find_can_be_removed(aws: Callable[[str], Any]) -> None:
    assert make_all(aws, OURS, "dev").keys() <= set(ORDER)


def test_what_carries_no_tag_is_found_in_our_network_and_not_taken_for_ours(
    aws: Callable[[str], Any],
) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", OURS))["Vpc"]["VpcId"]
    net = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", **spec("subnet", OURS))["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)["GroupId"]
    card = ec2.create_network_interface(SubnetId=net, Description="by hand")["NetworkInterface"]
    inside = [found.resource for found in left(aws) if found.proof is Proof.INSIDE]
    assert {resource.id for resource in inside} == {group, card["NetworkInterfaceId"]}
    assert {resource.name for resource in inside} == {"theirs", "by hand"}
    clear(aws)
    assert {found.resource.id for found in left(aws)} >= {group, card["NetworkInterfaceId"], net, vpc}


def test_the_interfaces_of_a_load_balancer_go_with_it_and_free_its_group(aws: Callable[[str], Any]) -> None:
    ec2, tags = aws("ec2"), {"elbv2.k8s.aws/cluster": "eco2-dev"}
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", OURS))["Vpc"]["VpcId"]
    net = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", **spec("subnet", OURS))["Subnet"]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc, **spec("security-group", tags))
        for n in ("front", "back")
    ]
    front, back = (group["GroupId"] for group in groups)
    for one, other in ((front, back), (back, front)):  # each names the other, as with a shared backend group
        named = {"GroupId": other, "Description": "as Terraform words it"}
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [named]}
        ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[rule])
        ec2.authorize_security_group_egress(GroupId=one, IpPermissions=[rule])
    aws("elbv2").create_load_balancer(Name="k8s", Subnets=[net], SecurityGroups=[front], Tags=pairs(tags))
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == 1
    assert not [found for found in left(aws) if found.proof is Proof.INSIDE], "it goes with what is ours"
    theirs = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)["GroupId"]
    aws("elbv2").create_load_balancer(Name="strange", Subnets=[net], SecurityGroups=[theirs])
    strange = [found.resource.name for found in left(aws) if found.proof is Proof.INSIDE]
    assert {name.split("/")[1] for name in strange if name.startswith("ELB ")} == {"strange"}
    (other,) = [
        item["LoadBalancerArn"]
        for item in aws("elbv2").describe_load_balancers()["LoadBalancers"]
        if item["LoadBalancerName"] == "strange"
    ]
    aws("elbv2").delete_load_balancer(LoadBalancerArn=other)
    ec2.delete_security_group(GroupId=theirs)
    assert clear(aws) == []


def test_records_of_our_external_dns_go_and_no_other(aws: Callable[[str], Any]) -> None:
    where = zone(
        aws,
        record("api.dev.example.com", "A", "10.0.0.1"),
        record("api.dev.example.com", "TXT", text("eco2-dev")),
        record("a-api.dev.example.com", "TXT", text("eco2-dev")),
        record("api.prod.example.com", "A", "10.0.0.2"),
        record("api.prod.example.com", "TXT", text("eco2-prod")),
        record("www.example.com", "A", "10.0.0.3"),
    )
    assert {found.resource.kind for found in left(aws)} == {RECORD}
    assert clear(aws) == []
    kept = aws("route53").list_resource_record_sets(HostedZoneId=where)["ResourceRecordSets"]
    assert {entry["Name"] for entry in kept} == {
        "example.com.",
        "api.prod.example.com.",
        "www.example.com.",
    }


def test_a_record_named_like_a_registry_entry_claims_no_strangers_record() -> None:
    records = [
        record("a-shop.x", "A", "10.0.0.1"),
        record("a-shop.x", "TXT", text("us")),
        record("a-a-shop.x", "TXT", text("us")),
        record("shop.x", "A", "10.0.0.2"),  # a stranger's
    ]
    assert {entry["Name"] for entry in owned_records(records, "us")} == {"a-shop.x.", "a-a-shop.x."}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["us", "them"])), unique_by=lambda p: p[0]))
def test_only_records_of_the_owner_are_owned(hosts: list[tuple[str, str]]) -> None:
    records = [
        each
        for host, who in hosts
        for each in (record(f"{host}.x", "A", "10.0.0.1"), record(f"{host}.x", "TXT", text(who)))
    ]
    assert {entry["Name"] for entry in owned_records(records, "us")} == {
        f"{host}.x." for host, who in hosts if who == "us"
    }
