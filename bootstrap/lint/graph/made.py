"""What operators make for a custom resource, by name and label. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import Kind, name

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


def makes_service(item: Manifest, service: str) -> bool:
    """Whether a Service of that name comes from the resource. Of kinds without an entry here, any Service may
    that has the resource's name as a part of its own between dashes."""
    pattern = _SERVICES.get(item.key.kind)
    if pattern is None:
        return _names(service, item)
    return re.fullmatch(pattern.replace("{}", re.escape(name(item.item))), service) is not None


def makes_pods(item: Manifest, selector: Mapping[str, str]) -> bool:
    """Whether pods with these labels come from the resource: operators label them with its name."""
    return any(_names(str(value), item) for value in selector.values())


def _names(word: str, item: Manifest) -> bool:
    return f"-{name(item.item)}-" in f"-{word}-"
