"""Orders that no manifest asks for, each born of an outage. Pure.

Network before secrets, ingress controller before monitoring and ExternalDNS, data operators well before
their instances, applications last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootstrap.gitops.model import App, Manifest
from bootstrap.kubernetes.objects import (
    CRD,
    EXTERNAL_SECRET,
    MUTATING_WEBHOOKS,
    NAMESPACE,
    VALIDATING_WEBHOOKS,
    Kind,
    dig,
    labels_of,
    spec,
)
from bootstrap.kubernetes.selectors import matches
from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.needs.network import NETWORK_POLICY, controllers, network
from bootstrap.lint.graph.needs.storage import CSI_DRIVER, STORAGE_CLASS
from bootstrap.lint.graph.pods import Workload
from bootstrap.lint.graph.rbac import CLUSTER_ROLE, CLUSTER_ROLE_BINDING

PROMETHEUS = Kind("monitoring.coreos.com", "Prometheus")

# Groups of operators for what keeps data.
DATA_GROUPS = frozenset(
    {
        *("postgresql.cnpg.io", "postgres-operator.crunchydata.com", "acid.zalan.do", "pgv2.percona.com"),
        *("databases.spotahome.com", "redis.redis.opstreelabs.in", "dragonflydb.io", "app.redislabs.com"),
        *("rabbitmq.com", "kafka.strimzi.io", "pulsar.streamnative.io", "nats.io"),
        *("mysql.oracle.com", "pxc.percona.com", "psmdb.percona.com", "mongodbcommunity.mongodb.com"),
        *("k8s.mariadb.com", "cassandra.datastax.com", "k8ssandra.io", "scylla.scylladb.com"),
        *("clickhouse.altinity.com", "elasticsearch.k8s.elastic.co", "opensearch.opster.io", "minio.min.io"),
    }
)
_CLUSTER_SERVICES = frozenset(
    {
        *(CRD, NAMESPACE, CLUSTER_ROLE, CLUSTER_ROLE_BINDING, VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS),
        *(STORAGE_CLASS, CSI_DRIVER, Kind("external-secrets.io", "ClusterSecretStore")),
    }
)


def network_first(index: Index) -> Iterator[Need]:
    """The secrets operator needs the pod network and the policies that choose its pods."""
    made = network(index)
    for one in _of(index, index.operators(EXTERNAL_SECRET)):
        policies = tuple(
            item for item in index.in_namespace.get(one.manifest.namespace, ()) if _policy(item, one)
        )
        for provider in (*made[:1], *policies):
            yield Need(Topic.NETWORK_FIRST, one.manifest, "pod network and policies", "order", (provider,))


def _policy(item: Manifest, one: Workload) -> bool:
    selector = spec(item.item).get("podSelector")
    return item.key.kind == NETWORK_POLICY and matches(selector, one.labels)


def _of(index: Index, manifests: tuple[Manifest, ...]) -> Iterator[Workload]:
    return (one for one in index.workloads if one.manifest.app and one.manifest in manifests)


def ingress_first(index: Index) -> Iterator[Need]:
    """Prometheus's operator and ExternalDNS after the ingress controllers."""
    found = controllers(index)
    operators = index.operators(PROMETHEUS) if index.crds.get(PROMETHEUS) else ()
    for one in index.workloads:
        publishes = any("external-dns" in str(container.get("image")) for _, container in one.containers())
        for topic, chosen in (
            (Topic.INGRESS_FIRST, one.manifest in operators),
            (Topic.ADDRESSES_FIRST, publishes and one.lasting),
        ):
            if chosen and one.manifest.app:
                for provider in found:
                    yield Need(topic, one.manifest, "the ingress controller", "order", (provider,))


def operators_apart(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.key.kind.group in DATA_GROUPS and (providers := index.operators(item.key.kind)):
            yield Need(Topic.OPERATOR_APART, item, "its operator", "order", providers)


def infrastructure_first(index: Index) -> Iterator[Need]:
    """Applications of one's own with pods come after every Application that serves the cluster."""
    infrastructure = {app.name: item for app in index.tree.apps for item in _serving(index, app)[:1]}
    for app in index.tree.apps:
        pods = [one for one in index.by_app.get(app.name, ()) if _own(index, one) and not _keeps(one)]
        if not pods or app.name in infrastructure or _charted(app) or _foreign(pods[0]):
            continue
        for other, provider in infrastructure.items():
            if other not in _users_of(index, app.name):
                wanted = f"Application {other}"
                yield Need(Topic.INFRASTRUCTURE_FIRST, pods[0], wanted, "order", (provider,))


def _serving(index: Index, app: App) -> list[Manifest]:
    """What an Application serves the cluster with: cluster-wide things, operators, released charts."""
    items = index.by_app.get(app.name, ())
    found = [item for item in items if item.key.kind in _CLUSTER_SERVICES and item.via != MADE]
    return found or (
        [item for item in items if _own(index, item) and not item.guessed] if _charted(app) else []
    )


MADE = "CreateNamespace=true"


def _own(index: Index, item: Manifest) -> bool:
    return any(one.manifest is item for one in index.workloads_in.get(item.namespace, ()) if one.lasting)


def _charted(app: App) -> bool:
    """Whether it installs a released third-party chart."""
    content = spec(app.item)
    sources = (*(content.get("sources") or ()), content.get("source") or {})
    return any(source.get("chart") for source in sources)


def _keeps(item: Manifest) -> bool:
    """Whether it keeps data, as databases and brokers do: infrastructure, whosever chart it is."""
    return bool(spec(item.item).get("volumeClaimTemplates"))


def _foreign(item: Manifest) -> bool:
    """Whether it comes from a third-party chart: a dependency, or one that a kustomization inflates."""
    inflated = "helm.sh/chart" in labels_of(item.item) and "kustomization." in item.where.file
    return item.guessed or inflated or item.via.startswith("chart ")


def _users_of(index: Index, app: str) -> Mapping[str, None]:
    """Applications that publish the Services of this one, and so come after it."""
    where = {item.namespace for item in index.by_app.get(app, ()) if dig(item.item, "kind") == "Service"}
    return dict.fromkeys(
        item.app
        for item in index.users
        if item.key.kind.name in {"Ingress", "HTTPRoute", "VirtualService"} and item.namespace in where
    )


COLLECTORS = (network_first, ingress_first, operators_apart, infrastructure_first)
