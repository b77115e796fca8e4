"""Who makes which Secret, and with which keys. Pure.

Besides Secrets in Git: ExternalSecrets, SealedSecrets, Certificates, what operators make for their
resources by a documented name, and Jobs that write a Secret named on their command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import EXTERNAL_SECRET, SECRET, Json, Kind, dig, name, spec
from bootstrap.lint.graph.rbac import writes

if TYPE_CHECKING:
    from bootstrap.lint.graph.index import Index

ESO = "external-secrets.io"
CLUSTER_EXTERNAL_SECRET = Kind(ESO, "ClusterExternalSecret")
SEALED_SECRET = Kind("bitnami.com", "SealedSecret")
CERTIFICATE = Kind("cert-manager.io", "Certificate")
SECRET_PROVIDER = Kind("secrets-store.csi.x-k8s.io", "SecretProviderClass")

# Documented names of Secrets that operators make for a resource called {}. Keys are the kinds.
_MADE_FOR: Mapping[Kind, tuple[str, ...]] = {
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
# Where kinds name the Secret that they make.
_NAMED_BY: Mapping[Kind, tuple[str, ...]] = {
    CERTIFICATE: ("secretName",),
    Kind("secrets.hashicorp.com", "VaultStaticSecret"): ("destination", "name"),
    Kind("secrets.hashicorp.com", "VaultDynamicSecret"): ("destination", "name"),
    Kind("secrets.hashicorp.com", "VaultPKISecret"): ("destination", "name"),
}


@dataclass(frozen=True)
class Source:
    """`keys` of the Secret that `manifest` makes; None when they cannot be known."""

    manifest: Manifest
    keys: frozenset[str] | None = None


class Secrets:
    """Secrets of a tree by namespace and name."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._named: dict[tuple[str, str], list[Source]] = {}
        for item in index.all:
            for where, called, keys in _named(item, index):
                self._named.setdefault((where, called), []).append(Source(item, keys))

    def sources(self, where: str, called: str) -> tuple[Source, ...]:
        """Who makes the Secret; those that name it first of all."""
        found = self._named.get((where, called))
        if found:
            return tuple(found)
        return (*self._operators(where, called), *self._writers(where, called))

    def _operators(self, where: str, called: str) -> Iterator[Source]:
        for item in self._index.in_namespace.get(where, ()):
            for pattern in _MADE_FOR.get(item.key.kind, ()):
                if re.fullmatch(pattern.replace("{}", re.escape(name(item.item))), called):
                    yield Source(item)

    def _writers(self, where: str, called: str) -> Iterator[Source]:
        """Such as Jobs that make a webhook's certificate: `--secret-name=<name>`."""
        word = re.compile(rf"(^|[=/:,\s]){re.escape(called)}($|[/:,\s])")
        for one in self._index.workloads_in.get(where, ()):
            if any(map(word.search, one.words())) and writes(self._index.access.rules(one), "", "secrets"):
                yield Source(one.manifest)


def _named(item: Manifest, index: Index) -> Iterator[tuple[str, str, frozenset[str] | None]]:
    kind, content = item.key.kind, spec(item.item)
    if kind == SECRET:
        keys = {*(item.item.get("data") or {}), *(item.item.get("stringData") or {})}
        yield item.namespace, name(item.item), frozenset(keys)
    elif kind == EXTERNAL_SECRET:
        yield item.namespace, target(item.item), external_keys(content)
    elif kind == CLUSTER_EXTERNAL_SECRET:
        inner = content.get("externalSecretSpec") or {}
        called = dig(inner, "target", "name") or content.get("externalSecretName") or name(item.item)
        for where in chosen_namespaces(content, index):
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


def chosen_namespaces(content: Json, index: Index) -> Iterator[str]:
    """Those of a ClusterExternalSecret."""
    yield from map(str, content.get("namespaces") or ())
    selectors = [*(content.get("namespaceSelectors") or ()), content.get("namespaceSelector")]
    for selector in filter(None, selectors):
        yield from index.namespaces(selector)
