"""What the graph is made of, as frozen data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from bootstrap.gitops.model import Manifest
from bootstrap.lint.model import Edge


class Topic(StrEnum):
    """What kind of need it is; rules are chosen by it."""

    CRD = "crd"
    NAMESPACE = "namespace"
    OPERATOR = "operator"
    OPERATOR_CRD = "operator-crd"
    SERVICE_ACCOUNT = "service-account"
    CONFIG_MAP = "config-map"
    CONFIG_MAP_KEY = "config-map-key"
    SECRET = "secret"  # noqa: S105 - a word, not a password
    SECRET_KEY = "secret-key"  # noqa: S105
    CLAIM = "claim"
    STORAGE_CLASS = "storage-class"
    STORAGE_DRIVER = "storage-driver"
    PRIORITY_CLASS = "priority-class"
    RUNTIME_CLASS = "runtime-class"
    STORE = "store"
    STORE_CONDITION = "store-condition"
    PARAMETER = "parameter"
    CNI = "cni"
    INGRESS_CLASS = "ingress-class"
    INGRESS_CONTROLLER = "ingress-controller"
    CERTIFICATE = "certificate"
    SERVICE = "service"
    SERVICE_PORT = "service-port"
    WORKLOAD = "workload"
    WEBHOOK = "webhook"
    WEBHOOK_SERVICE = "webhook-service"
    API_SERVICE = "api-service"
    MONITOR_TARGET = "monitor-target"
    SCALE_TARGET = "scale-target"
    METRICS = "metrics"
    ROLE = "role"
    SUBJECT = "subject"
    PERMISSION = "permission"
    ANALYSIS = "analysis"
    ENDPOINT = "endpoint"
    # Not needs of an object, but the experience of operators (needs/experience.py).
    NETWORK_FIRST = "network-first"
    INGRESS_FIRST = "ingress-first"
    ADDRESSES_FIRST = "addresses-first"
    OPERATOR_APART = "operator-apart"
    INFRASTRUCTURE_FIRST = "infrastructure-first"


EXPERIENCE = frozenset(
    {
        *(Topic.NETWORK_FIRST, Topic.INGRESS_FIRST, Topic.ADDRESSES_FIRST),
        *(Topic.OPERATOR_APART, Topic.INFRASTRUCTURE_FIRST),
    }
)


@dataclass(frozen=True)
class Need:
    """`user` needs one of `providers`, any of which suffices; none: nothing provides it.

    `wanted` is what is needed as people name it ("Secret auth/db"), `reason` the field that says so
    ("spec.volumes[0].secret"). `hard`: the user's sync fails without it, otherwise it only is not Healthy
    before it is there. Needs that the cluster itself satisfies are not in the graph.
    """

    topic: Topic
    user: Manifest
    wanted: str
    reason: str
    providers: tuple[Manifest, ...]
    hard: bool = False

    @property
    def missing(self) -> bool:
        return not self.providers


@dataclass(frozen=True)
class Graph:
    """All needs of a tree, in the tree's order."""

    needs: tuple[Need, ...] = ()

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """User → provider, as manifests say; alternatives are an edge each."""
        return tuple(
            Edge(need.user, provider, need.reason, need.hard)
            for need in self.needs
            if need.topic not in EXPERIENCE
            for provider in need.providers
        )

    @cached_property
    def missing(self) -> tuple[Need, ...]:
        return tuple(need for need in self.needs if need.missing)
