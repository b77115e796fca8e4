"""Load balancers and records for Ingresses and Services: in the cluster and in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.kubernetes.health.core import addresses
from bootstrap.kubernetes.objects import INGRESS, SERVICE, Json, Key, metadata, namespace
from bootstrap.local.aws import account
from bootstrap.local.aws.patches import dependencies, load_balancers
from bootstrap.local.controllers.cloud import CloudControllers
from bootstrap.local.controllers.external_dns import ExternalDns
from bootstrap.local.controllers.facts import NEEDED, ClusterFacts, parse
from bootstrap.local.controllers.load_balancers import GROUP, GROUPS, LoadBalancerController, stacks
from tests.aws_context import client
from tests.kubernetes_fake import FakeServer


def ingress(space: str, host: str = "api.example.com", **notes: str) -> Json:
    backend = {"service": {"name": f"{space}-api", "port": {"name": "http"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "api", "namespace": space, "annotations": {GROUP: "shop", **notes}},
        "spec": {
            "ingressClassName": "alb",
            "rules": [{"host": host, "http": {"paths": [{"path": f"/{space}", "backend": backend}]}}],
        },
    }


def service(kind: str = "LoadBalancer") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "edge", "namespace": "gate"},
        "spec": {"type": kind, "ports": [{"port": 443}]},
    }


def deployment(called: str, *, available: bool = True) -> Json:
    state = "True" if available else "False"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": called, "namespace": "kube-system"},
        "status": {"conditions": [{"type": "Available", "status": state}]},
    }


class Cloud:
    """An account with a network and the domain's zone."""

    def __init__(self) -> None:
        self.ec2, self.elb, self.route53 = map(client, ("ec2", "elbv2", "route53"))
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
            for number in range(2)
        ]
        account.furnish(self.route53, "example.com")
        self.facts = ClusterFacts("/shop/dev", "shop-dev", vpc, tuple(subnets), "example.com")

    def group(self, called: str) -> str:
        tags = [{"Key": "Name", "Value": called}]
        made = self.ec2.create_security_group(
            GroupName=called,
            Description=called,
            VpcId=self.facts.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )
        return str(made["GroupId"])

    def balancers(self) -> list[Any]:
        return list(self.elb.describe_load_balancers()["LoadBalancers"])

    def interfaces(self) -> list[Any]:
        return list(self.ec2.describe_network_interfaces()["NetworkInterfaces"])

    def groups(self) -> set[str]:
        mine = [{"Name": "vpc-id", "Values": [self.facts.vpc]}]
        found = self.ec2.describe_security_groups(Filters=mine)["SecurityGroups"]
        return {group["GroupName"] for group in found} - {"default"}

    def records(self) -> set[tuple[str, str]]:
        (zone,) = self.route53.list_hosted_zones()["HostedZones"]
        found = self.route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        return {(record["Name"], record["Type"]) for record in found} - {
            ("example.com.", "NS"),
            ("example.com.", "SOA"),
        }


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for module in (load_balancers, dependencies):
        module.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        yield Cloud()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def reconcile(server: FakeServer, cloud: Cloud) -> None:
    """Both controllers, twice, as their own writes make them look again."""
    for _ in range(2):
        for made in (
            LoadBalancerController(server.cluster, cloud.ec2, cloud.elb, lambda: cloud.facts),
            ExternalDns(cloud.route53, lambda: cloud.facts),
        ):
            made.reconcile((*server.cluster.list(INGRESS), *server.cluster.list(SERVICE)))


def test_ingresses_of_a_group_share_one_stack() -> None:
    found = stacks([ingress("auth"), ingress("chat"), service(), service("NodePort")])
    assert [(stack.kind, stack.id, len(stack.members)) for stack in found] == [
        ("ingress", "shop", 2),
        ("service", "gate/edge", 1),
    ]
    assert all(len(stack.name) <= 32 for stack in found)
    assert found[0].backends() == ("auth/api-auth-api:http", "chat/api-chat-api:http")


def test_an_ingress_gets_a_load_balancer_an_address_and_records(server: FakeServer, cloud: Cloud) -> None:
    server.put(ingress("auth"))
    server.put(ingress("chat"))
    reconcile(server, cloud)
    (balancer,) = cloud.balancers()
    assert len(cloud.interfaces()) == 2  # one a subnet
    assert len(cloud.elb.describe_target_groups()["TargetGroups"]) == 2
    for space in ("auth", "chat"):
        item = server.get(INGRESS, "api", space)
        assert addresses(item) == (balancer["DNSName"],)
        assert metadata(item)["finalizers"] == ["group.ingress.k8s.aws/shop"]
    assert cloud.records() == {
        ("api.example.com.", "A"),
        ("api.example.com.", "TXT"),
        ("a-api.example.com.", "TXT"),
    }
    tags = cloud.elb.describe_tags(ResourceArns=[balancer["LoadBalancerArn"]])["TagDescriptions"][0]["Tags"]
    assert {"Key": "elbv2.k8s.aws/cluster", "Value": "shop-dev"} in tags


def test_with_the_last_ingress_everything_goes(server: FakeServer, cloud: Cloud) -> None:
    server.put(ingress("auth"))
    server.put(ingress("chat"))
    server.put(service())
    reconcile(server, cloud)
    assert len(cloud.balancers()) == 2
    server.cluster.delete(Key(INGRESS, "auth", "api"))
    reconcile(server, cloud)
    assert [namespace(item) for item in server.cluster.list(INGRESS)] == ["chat"]
    assert len(cloud.balancers()) == 2
    server.cluster.delete(Key(INGRESS, "chat", "api"))
    server.cluster.delete(Key(SERVICE, "gate", "edge"))
    reconcile(server, cloud)
    assert not server.cluster.list(INGRESS)
    assert (cloud.balancers(), cloud.interfaces(), cloud.groups(), cloud.records()) == ([], [], set(), set())
    assert cloud.elb.describe_target_groups()["TargetGroups"] == []


def test_a_named_group_is_used_and_never_removed(server: FakeServer, cloud: Cloud) -> None:
    wanted = cloud.group("shop-alb")
    server.put(ingress("auth", **{GROUPS: "shop-alb"}))
    reconcile(server, cloud)
    assert wanted in cloud.balancers()[0]["SecurityGroups"]
    assert cloud.groups() == {"shop-alb", "k8s-traffic-shop-dev"}
    server.cluster.delete(Key(INGRESS, "auth", "api"))
    reconcile(server, cloud)
    assert cloud.groups() == {"shop-alb"}


def test_records_of_others_and_hosts_of_other_domains_are_left_alone(
    server: FakeServer, cloud: Cloud
) -> None:
    (zone,) = cloud.route53.list_hosted_zones()["HostedZones"]
    foreign = {
        "Name": "www.example.com.",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    cloud.route53.change_resource_record_sets(
        HostedZoneId=zone["Id"],
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": foreign}]},
    )
    server.put(ingress("auth", host="api.elsewhere.com"))
    reconcile(server, cloud)
    assert cloud.records() == {("www.example.com.", "A")}


def test_a_controller_works_only_while_its_deployment_is_available(server: FakeServer, cloud: Cloud) -> None:
    class World:
        def items(self, kind: Any) -> tuple[Json, ...]:
            return server.cluster.list(kind)

    world: Any = World()
    controller = LoadBalancerController(server.cluster, cloud.ec2, cloud.elb, lambda: cloud.facts)
    both = CloudControllers(server.cluster, controller, ExternalDns(cloud.route53, lambda: cloud.facts))
    server.put(ingress("auth"))
    server.put(deployment("aws-load-balancer-controller", available=False))
    both.turn(world)
    assert cloud.balancers() == []
    server.put(deployment("aws-load-balancer-controller"))
    both.turn(world)
    assert len(cloud.balancers()) == 1
    assert cloud.records() == set()  # ExternalDNS is not there
    server.put(deployment("external-dns"))
    both.turn(world)
    assert ("api.example.com.", "A") in cloud.records()


def test_facts_are_complete_or_none() -> None:
    values = {f"/x/{each}": "a, b" for each in NEEDED}
    found = parse("/x", values)
    assert found is not None
    assert found.public_subnets == ("a", "b")
    assert all(
        parse("/x", {key: text for key, text in values.items() if key != gone}) is None for gone in values
    )
