"""Waiting until what was applied runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, Waiter, until
from bootstrap.kubernetes.objects import DAEMON_SET, DEPLOYMENT, STATEFUL_SET, Json, Key

WORKLOADS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)


def wait_for_workloads(
    cluster: Cluster, manifests: Iterable[Json], waiter: Waiter, *, what: str, namespace: str
) -> None:
    """Until all workloads of the manifests are rolled out. DeadlineError names those that are not.

    `namespace` is for workloads that name none.
    """
    keys = (Key.of(item) for item in manifests)
    wanted = {replace(key, namespace=key.namespace or namespace) for key in keys if key.kind in WORKLOADS}
    wait_for_rollouts(cluster, wanted, waiter, what=what)


def wait_for_rollouts(
    cluster: Cluster, wanted: Collection[Key], waiter: Waiter, *, what: str, cure: str = ""
) -> None:
    """Until all of these are rolled out as they are now. DeadlineError names those that are not, and why."""
    if not wanted:
        return

    def decide(cache: InformerCache) -> Observation[bool]:
        live = {Key.of(item): assess(item) for kind in WORKLOADS for item in cache.items(kind)}
        late = [
            f"{key.kind.name} {key.name} ({live[key].message if key in live else 'is not there'})"
            for key in sorted(wanted)
            if key not in live or not live[key].ok
        ]
        return Observation(None if late else True, f"waiting for {', '.join(late)}")

    scopes = {Scope(key.kind, key.namespace) for key in wanted}
    with Informer(cluster, *sorted(scopes, key=str)) as cache:
        until(cache, decide, waiter, what=what, cure=cure)
