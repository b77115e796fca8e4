"""Index → Needs. A collector is a pure function; all are listed here.

api.py        Namespace, CRD, admission webhooks, aggregated APIs; custom resource → operator → CRDs
pods.py       ServiceAccount, ConfigMap, Secret, claim, classes, Services by host name
storage.py    claim → StorageClass → driver
secrets.py    ExternalSecret → store → parameter; Secrets of custom resources
network.py    NetworkPolicy → CNI; Ingress → class, controller, certificate, Services
runtime.py    monitors, autoscalers, rollouts, role bindings
experience.py what no manifest says, but outages have taught
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Need
from bootstrap.lint.graph.needs import api, experience, network, pods, runtime, secrets, storage

Collector = Callable[[Index], Iterator[Need]]

COLLECTORS: tuple[Collector, ...] = (
    *api.COLLECTORS,
    *pods.COLLECTORS,
    *storage.COLLECTORS,
    *secrets.COLLECTORS,
    *network.COLLECTORS,
    *runtime.COLLECTORS,
    *experience.COLLECTORS,
)
