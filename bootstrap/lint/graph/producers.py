"""What creates which Secret (and with which keys), Service and pod, besides their own manifests. Pure.

Secrets come from ExternalSecrets, SealedSecrets, Certificates, operators that create them under a documented
name, and Jobs that write a Secret named on their command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import EXTERNAL_SECRET, SECRET, Json, Kind, dig, name, spec
from bootstrap.lint.graph.pods import Workload
from bootstrap.lint.graph.rbac import Access, writes

# The names of the namespaces that a label selector (None: all) selects.
Namespaces = Callable[[Json | None], Iterator[str]]

ESO = "external-secrets.io"
CLUSTER_EXTERNAL_SECRET = Kind(ESO, "ClusterExternalSecret")
SEALED_SECRET = Kind("bitnami.com", "SealedSecret")
CERTIFICATE = Kind("cert-manager.io", "Certificate")
SECRET_PROVIDER = Kind("secrets-store.csi.x-k8s.io", "SecretProviderClass")

# Documented names of Secrets that operators make for a resource called {}. Keys are the kinds.
_SECRETS: Mapping[Kind, tuple[str, ...]] = {
    # cloudnative-pg.io/documentation/current/applications, …/certificates
    Kind("postgresql.cnpg.io", "Cluster"): (r"{}-(app|superuser|ca|server|replication|pull)",),
    # access.crunchydata.com/documentation/postgres-operator: user management, TLS
    Kind("postgres-operator.crunchydata.com", "PostgresCluster"): (r"{}-.+",),
    Kind("acid.zalan.do", "postgresql"): (r".+\.{}\.credentials\.postgresql\.acid\.zalan\.do",),
    # rabbitmq.com/kubernetes/operator/using-operator
    Kind("rabbitmq.com", "RabbitmqCluster"): (r"{}-(default-user|erlang-cookie)",),
    # strimzi.io/docs/operators/latest/deploying: certificate authorities, KafkaUser
    Kind("kafka.strimzi.io", "Kafka"): (r"{}-.+",),
    Kind("kafka.strimzi.io", "KafkaUser"): (r"{}",),
    # elastic.co/docs/deploy-manage: users, certificates
    Kind("elasticsearch.k8s.elastic.co", "Elasticsearch"): (r"{}-es-.+",),
    Kind("kibana.k8s.elastic.co", "Kibana"): (r"{}-kb-.+",),
    Kind("monitoring.coreos.com", "Prometheus"): (r"prometheus-{}(-.+)?",),
    Kind("monitoring.coreos.com", "Alertmanager"): (r"alertmanager-{}(-.+)?",),
    Kind("mongodbcommunity.mongodb.com", "MongoDBCommunity"): (r"{}-.+",),
    Kind("psmdb.percona.com", "PerconaServerMongoDB"): (r"(internal-)?{}-.+",),
    Kind("pxc.percona.com", "PerconaXtraDBCluster"): (r"(internal-)?{}-.+",),
}
# Documented names of Services that operators make for a resource called {}.
_SERVICES: Mapping[Kind, str] = {
    # cloudnative-pg.io/documentation/current/service_management
    Kind("postgresql.cnpg.io", "Cluster"): r"{}-(rw|ro|r)",
    # access.crunchydata.com/documentation/postgres-operator: connecting to Postgres
    Kind("postgres-operator.crunchydata.com", "PostgresCluster"): r"{}-(primary|replicas|pods|ha|pgbouncer)",
    Kind("acid.zalan.do", "postgresql"): r"{}(-repl|-pooler)?",
    # github.com/spotahome/redis-operator: Sentinels, Redis, its master, its slaves
    Kind("databases.spotahome.com", "RedisFailover"): r"(rfs|rfr|rfrm|rfrs)-{}",
    Kind("rabbitmq.com", "RabbitmqCluster"): r"{}(-nodes)?",
    Kind("kafka.strimzi.io", "Kafka"): r"{}-(kafka-.+|zookeeper-.+)",
    Kind("monitoring.coreos.com", "Prometheus"): r"prometheus-operated",
    Kind("monitoring.coreos.com", "Alertmanager"): r"alertmanager-operated",
    Kind("monitoring.coreos.com", "ThanosRuler"): r"thanos-ruler-operated",
}
# Where kinds name the Secret that they make.
_NAMED_BY: Mapping[Kind, tuple[str, ...]] = {
    CERTIFICATE: ("secretName",),
    Kind("secrets.hashicorp.com", "VaultStaticSecret"): ("destination", "name"),
    Kind("secrets.hashicorp.com", "VaultDynamicSecret"): ("destination", "name"),
    Kind("secrets.hashicorp.com", "VaultPKISecret"): ("destination", "name"),
}


@dataclass(frozen=True)
class Producer:
    """`keys` of the Secret that `manifest` creates; None when they cannot be known."""

    manifest: Manifest
    keys: frozenset[str] | None = None


class SecretProducers:
    """What creates the Secrets of a tree, by namespace and name."""

    def __init__(
        self,
        objects: Iterable[Manifest],
        *,
        in_namespace: Mapping[str, tuple[Manifest, ...]],
        workloads_in: Mapping[str, tuple[Workload, ...]],
        access: Access,
        namespaces: Namespaces,
    ) -> None:
        self._in_namespace, self._workloads_in, self._access = in_namespace, workloads_in, access
        self._named: dict[tuple[str, str], list[Producer]] = {}
        for item in objects:
            for where, called, keys in _named(item, namespaces):
                self._named.setdefault((where, called), []).append(Producer(item, keys))

    def of(self, where: str, called: str) -> tuple[Producer, ...]:
        """What creates the Secret: the objects that name it, else operators and Jobs."""
        found = self._named.get((where, called))
        if found:
            return tuple(found)
        return (*self._operators(where, called), *self._writers(where, called))

    def _operators(self, where: str, called: str) -> Iterator[Producer]:
        for item in self._in_namespace.get(where, ()):
            for pattern in _SECRETS.get(item.key.kind, ()):
                if _fits(pattern, item, called):
                    yield Producer(item)

    def _writers(self, where: str, called: str) -> Iterator[Producer]:
        """Such as Jobs that create a webhook's certificate: `--secret-name=<name>`."""
        word = re.compile(rf"(^|[=/:,\s]){re.escape(called)}($|[/:,\s])")
        for one in self._workloads_in.get(where, ()):
            if any(map(word.search, one.words())) and writes(self._access.rules(one), "", "secrets"):
                yield Producer(one.manifest)


def _named(item: Manifest, namespaces: Namespaces) -> Iterator[tuple[str, str, frozenset[str] | None]]:
    kind, content = item.key.kind, spec(item.item)
    if kind == SECRET:
        keys = {*(item.item.get("data") or {}), *(item.item.get("stringData") or {})}
        yield item.namespace, name(item.item), frozenset(keys)
    elif kind == EXTERNAL_SECRET:
        yield item.namespace, target(item.item), external_keys(content)
    elif kind == CLUSTER_EXTERNAL_SECRET:
        inner = content.get("externalSecretSpec") or {}
        called = dig(inner, "target", "name") or content.get("externalSecretName") or name(item.item)
        for where in selected_namespaces(content, namespaces):
            yield where, str(called), external_keys(inner)
    elif kind == SEALED_SECRET:
        called = dig(content, "template", "metadata", "name") or name(item.item)
        yield item.namespace, str(called), frozenset(content.get("encryptedData") or {})
    elif kind == SECRET_PROVIDER:
        for one in content.get("secretObjects") or ():
            keys = {str(entry.get("key")) for entry in one.get("data") or ()}
            yield item.namespace, str(one.get("secretName")), frozenset(keys)
    elif kind in _NAMED_BY and (called := dig(content, *_NAMED_BY[kind])):
        yield item.namespace, str(called), None


def target(item: Json) -> str:
    """The Secret that an ExternalSecret makes."""
    return str(dig(spec(item), "target", "name") or name(item))


def external_keys(content: Json) -> frozenset[str] | None:
    """Keys of an ExternalSecret's Secret; a template replaces them unless it says Merge."""
    template = dig(content, "target", "template") or {}
    if content.get("dataFrom") or template.get("templateFrom"):
        return None
    keys = {str(one.get("secretKey")) for one in content.get("data") or ()}
    if "data" not in template:
        return frozenset(keys)
    own = set(template.get("data") or {})
    return frozenset(own | keys if template.get("mergePolicy") == "Merge" else own)


def selected_namespaces(content: Json, namespaces: Namespaces) -> Iterator[str]:
    """Those of a ClusterExternalSecret."""
    yield from map(str, content.get("namespaces") or ())
    selectors = [*(content.get("namespaceSelectors") or ()), content.get("namespaceSelector")]
    for selector in filter(None, selectors):
        yield from namespaces(selector)


def makes_service(item: Manifest, service: str) -> bool:
    """Whether a Service of that name comes from the resource. Of kinds without an entry here, any Service may
    that has the resource's name as a part of its own between dashes."""
    pattern = _SERVICES.get(item.key.kind)
    if pattern is None:
        return _names(service, item)
    return _fits(pattern, item, service)


def makes_pods(item: Manifest, selector: Mapping[str, str]) -> bool:
    """Whether pods with these labels come from the resource: operators label them with its name."""
    return any(_names(str(value), item) for value in selector.values())


def _names(word: str, item: Manifest) -> bool:
    return f"-{name(item.item)}-" in f"-{word}-"


def _fits(pattern: str, item: Manifest, called: str) -> bool:
    return re.fullmatch(pattern.replace("{}", re.escape(name(item.item))), called) is not None
