"""The AWS Load Balancer Controller: creates and deletes load balancers for Ingresses and Services.

The resources are tagged as the real controller (v2) tags them.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import (
    SERVICE,
    Json,
    Key,
    annotations_of,
    dig,
    metadata,
    name,
    namespace,
    spec,
    terminating,
)
from bootstrap.local.controllers.facts import ClusterFacts

CLASS = "alb"
GROUP = "alb.ingress.kubernetes.io/group.name"
GROUPS = "alb.ingress.kubernetes.io/security-groups"
CLUSTER_TAG = "elbv2.k8s.aws/cluster"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stack:
    """One load balancer and the objects it serves. `kind` is ingress or service, as in the tags' prefix."""

    kind: str
    id: str
    members: tuple[Json, ...]

    @property
    def finalizer(self) -> str:
        grouped = self.kind == "ingress" and "/" not in self.id
        return f"group.ingress.k8s.aws/{self.id}" if grouped else f"{self.kind}.k8s.aws/resources"

    @property
    def name(self) -> str:
        """At most 32 characters, as AWS demands."""
        plain = re.sub(r"[^a-z0-9]", "", self.id)[:17]
        return f"k8s-{plain}-{hashlib.sha256(f'{self.kind}/{self.id}'.encode()).hexdigest()[:10]}"

    def tags(self, cluster: str, resource: str) -> list[Mapping[str, str]]:
        return [
            {"Key": CLUSTER_TAG, "Value": cluster},
            {"Key": f"{self.kind}.k8s.aws/stack", "Value": self.id},
            {"Key": f"{self.kind}.k8s.aws/resource", "Value": resource},
        ]

    @property
    def living(self) -> tuple[Json, ...]:
        return tuple(item for item in self.members if not terminating(item))

    def backends(self) -> tuple[str, ...]:
        """`namespace/ingress-service:port`, one target group each."""
        return tuple(dict.fromkeys(port for item in self.living for port in _backends(item)))


def stacks(items: Iterable[Json]) -> tuple[Stack, ...]:
    """The load balancers that should exist. Ingresses of one group share one. Pure."""
    groups: dict[tuple[str, str], list[Json]] = {}
    for item in items:
        own = f"{namespace(item)}/{name(item)}"
        if spec(item).get("ingressClassName") == CLASS:
            groups.setdefault(("ingress", annotations_of(item).get(GROUP) or own), []).append(item)
        elif spec(item).get("type") == "LoadBalancer":
            groups.setdefault(("service", own), []).append(item)
    return tuple(Stack(kind, which, tuple(members)) for (kind, which), members in sorted(groups.items()))


def _backends(item: Json) -> Iterator[str]:
    where = f"{namespace(item)}/{name(item)}"
    if Key.of(item).kind == SERVICE:
        yield from (f"{where}:{port.get('port')}" for port in spec(item).get("ports") or ())
        return
    paths = [path for rule in spec(item).get("rules") or () for path in dig(rule, "http", "paths") or ()]
    backends = [path.get("backend") for path in paths] + [spec(item).get("defaultBackend")]
    for service in (dig(backend, "service") for backend in backends if backend):
        port = (service or {}).get("port") or {}
        if service:
            yield f"{where}-{service.get('name')}:{port.get('name') or port.get('number')}"


class LoadBalancerController:
    """`ec2` and `elb` are boto3 clients; `facts` returns None until cluster and network are published."""

    deployment = "aws-load-balancer-controller"

    def __init__(
        self, cluster: Cluster, ec2: Any, elb: Any, facts: Callable[[], ClusterFacts | None]
    ) -> None:
        self._cluster, self._ec2, self._elb, self._facts = cluster, ec2, elb, facts

    def reconcile(self, items: Iterable[Json]) -> None:
        """`items` are all Ingresses and Services."""
        wanted = stacks(items)
        facts = self._facts() if wanted else None
        if facts is None:
            return
        for stack in wanted:
            if stack.living:
                address = self._ensure(stack, facts)
                for item in stack.living:
                    self._hold(item, stack.finalizer)
                    self._address(item, address)
            else:
                self._remove(stack)
            for item in stack.members:
                if terminating(item):
                    self._release(item, stack.finalizer)

    # -- AWS -----------------------------------------------------------------------------------------

    def _ensure(self, stack: Stack, facts: ClusterFacts) -> str:
        """The address of the load balancer. Creates what is missing of it, its groups and target groups."""
        found = self._load_balancer(stack)
        if found is None:
            log.info("load balancer %s for %s", stack.name, stack.id)
            groups = self._groups(stack, facts)
            network = {"Type": "network"} if stack.kind == "service" else {"Type": "application"}
            found = self._elb.create_load_balancer(
                Name=stack.name,
                Subnets=list(facts.public_subnets),
                SecurityGroups=groups,
                Tags=stack.tags(facts.cluster, "LoadBalancer"),
                **network,
            )["LoadBalancers"][0]
        there = {item["TargetGroupName"] for item in self._target_groups(stack)}
        for backend in stack.backends():
            called = _target_group(stack, backend)
            if called not in there:
                self._elb.create_target_group(
                    Name=called,
                    Protocol="TCP" if stack.kind == "service" else "HTTP",
                    Port=80,
                    VpcId=facts.vpc,
                    TargetType="instance",
                    Tags=stack.tags(facts.cluster, backend),
                )
        return str(found["DNSName"])

    def _groups(self, stack: Stack, facts: ClusterFacts) -> list[str]:
        """The security groups that the annotation names (by Name tag or id), else one of our own."""
        named = [part.strip() for part in annotations_of(stack.living[0]).get(GROUPS, "").split(",") if part]
        if named:
            answer = self._ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [facts.vpc]}])
            chosen = [group["GroupId"] for group in answer["SecurityGroups"] if {*named} & {*_names(group)}]
            return [*chosen, self._group(stack, facts, "SharedBackend", f"k8s-traffic-{facts.cluster}")]
        return [self._group(stack, facts, "ManagedLBSecurityGroup", stack.name)]

    def _group(self, stack: Stack, facts: ClusterFacts, resource: str, called: str) -> str:
        filters = [{"Name": "group-name", "Values": [called]}, {"Name": "vpc-id", "Values": [facts.vpc]}]
        there = self._ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        if there:
            return str(there[0]["GroupId"])
        tags = stack.tags(facts.cluster, resource)
        if resource == "SharedBackend":  # it belongs to no stack
            tags = [
                {"Key": CLUSTER_TAG, "Value": facts.cluster},
                {"Key": "elbv2.k8s.aws/resource", "Value": "backend-sg"},
            ]
        made = self._ec2.create_security_group(
            GroupName=called,
            Description="[k8s] made by the load balancer controller",
            VpcId=facts.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )
        return str(made["GroupId"])

    def _remove(self, stack: Stack) -> None:
        found = self._load_balancer(stack)
        if found is not None:
            log.info("load balancer %s goes away", stack.name)
            self._elb.delete_load_balancer(LoadBalancerArn=found["LoadBalancerArn"])
        for item in self._target_groups(stack):
            self._elb.delete_target_group(TargetGroupArn=item["TargetGroupArn"])
        self._remove_groups([{"Name": "group-name", "Values": [stack.name]}])
        if not self._elb.describe_load_balancers()["LoadBalancers"]:
            self._remove_groups([{"Name": "tag:elbv2.k8s.aws/resource", "Values": ["backend-sg"]}])

    def _remove_groups(self, filters: list[Mapping[str, Any]]) -> None:
        for group in self._ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
            self._ec2.delete_security_group(GroupId=group["GroupId"])

    def _load_balancer(self, stack: Stack) -> Mapping[str, Any] | None:
        everything = self._elb.describe_load_balancers()["LoadBalancers"]
        return next((item for item in everything if item["LoadBalancerName"] == stack.name), None)

    def _target_groups(self, stack: Stack) -> list[Mapping[str, Any]]:
        everything = self._elb.describe_target_groups()["TargetGroups"]
        return [item for item in everything if item["TargetGroupName"].startswith(stack.name[-10:])]

    # -- the cluster ---------------------------------------------------------------------------------

    def _hold(self, item: Json, finalizer: str) -> None:
        finalizers = list(metadata(item).get("finalizers") or ())
        if finalizer not in finalizers:
            self._cluster.patch(Key.of(item), {"metadata": {"finalizers": [*finalizers, finalizer]}})

    def _address(self, item: Json, address: str) -> None:
        wanted = [{"hostname": address}]
        if (dig(item, "status", "loadBalancer", "ingress") or []) != wanted:
            self._cluster.patch(
                Key.of(item), {"status": {"loadBalancer": {"ingress": wanted}}}, part="status"
            )

    def _release(self, item: Json, finalizer: str) -> None:
        left = [entry for entry in metadata(item).get("finalizers") or () if entry != finalizer]
        if left != list(metadata(item).get("finalizers") or ()):
            self._cluster.patch(Key.of(item), {"metadata": {"finalizers": left}})


def _names(group: Mapping[str, Any]) -> set[str]:
    tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags") or ()}
    return {group["GroupId"], tags.get("Name", "")}


def _target_group(stack: Stack, backend: str) -> str:
    return f"{stack.name[-10:]}-{hashlib.sha256(backend.encode()).hexdigest()[:20]}"
