"""Down, first part: the Applications go while their controllers live.

Argo CD deletes the root Application's resources in reverse order of the waves, each Application with
everything it made. So load balancers, DNS records and volumes are given back by the controllers that made
them, before Terraform takes the machines away. A cluster that is not there, or no longer answers, is no
reason to keep the rest: Terraform and the audit after it go on.
"""

from __future__ import annotations

import sys

from bootstrap.context import Context
from bootstrap.errors import DeadlineError, TemporaryError
from bootstrap.events import Notice
from bootstrap.kubernetes.argo import CASCADE
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.errors import Forbidden, Untrusted
from bootstrap.kubernetes.health.core import addresses
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    INGRESS,
    SERVICE,
    VOLUME,
    Json,
    Key,
    metadata,
    name,
    terminating,
)
from bootstrap.kubernetes.watch import Mirror, Scope, World, until
from bootstrap.plan import Done
from bootstrap.steps.access import existing
from bootstrap.steps.root_app import root_key
from bootstrap.wait import Observation

STALL = 90.0  # seconds without any Application going away


def run(context: Context) -> Done:
    """Delete the root Application with all it made.

    Raises DeadlineError when what costs money outside the cluster (Ingress, LoadBalancer Service, volume)
    is still there at the end; anything else goes with the machines and is only reported.
    """
    cluster = existing(context)
    if cluster is None:
        return Done("there is no cluster", changed=False)
    try:
        cluster.version()
    except (TemporaryError, Untrusted, Forbidden) as error:
        context.emit(
            Notice(f"the cluster does not answer, so its Applications are not taken down first: {error}")
        )
        return Done("the cluster does not answer", changed=False)
    gitops = context.config.gitops
    applications = cluster.list(APPLICATION, gitops.namespace)
    if not applications:
        return Done("there are no Applications", changed=False)
    for item in applications:
        _cascade(cluster, item)
    cluster.delete(root_key(gitops))
    remover = _Remover(context, cluster)
    with Mirror(
        cluster, *(Scope(kind, gitops.namespace) for kind in (APPLICATION, APPLICATION_SET))
    ) as world:
        left = until(world, remover.decide, context, what="Applications to go")
    if left:
        context.emit(Notice(f"not removed before the machines: {', '.join(left)}"))
    return Done(f"{len(applications) - len(left)} of {len(applications)} Applications removed")


def _cascade(cluster: Cluster, item: Json) -> None:
    """Let its deletion take along what it made. Those of an ApplicationSet are its controller's to mark."""
    finalizers = list(metadata(item).get("finalizers") or ())
    made_by_set = any(
        owner.get("kind") == "ApplicationSet" for owner in metadata(item).get("ownerReferences") or ()
    )
    if made_by_set or terminating(item) or any(entry.startswith(CASCADE) for entry in finalizers):
        return
    cluster.patch(Key.of(item), {"metadata": {"finalizers": [*finalizers, CASCADE]}})


class _Remover:
    """Waits while the number of Applications falls."""

    def __init__(self, context: Context, cluster: Cluster) -> None:
        self._context, self._cluster = context, cluster
        self._fewest, self._since = sys.maxsize, context.clock.monotonic()

    def decide(self, world: World) -> Observation[tuple[str, ...]]:
        """Empty when all are gone; names when the rest is stuck and nothing outside hangs on it."""
        left = [*world.items(APPLICATION), *world.items(APPLICATION_SET)]
        now = self._context.clock.monotonic()
        if len(left) < self._fewest:
            self._fewest, self._since = len(left), now
        if not left:
            return Observation(())
        names = tuple(sorted(name(item) for item in left))
        if now - self._since > min(STALL, self._context.deadline / 2):
            self._require_nothing_outside(names)
            return Observation(names)
        return Observation(None, f"{len(left)} left: {', '.join(names[:5])}{' …' if len(left) > 5 else ''}")

    def _require_nothing_outside(self, names: tuple[str, ...]) -> None:
        outside, config = _outside(self._cluster), self._context.config
        if outside:
            raise DeadlineError(
                f"{', '.join(names)} do not go away",
                f"what they made outside the cluster would be left behind: {', '.join(outside)}",
                kubectl(config, "-n", config.gitops.namespace, "describe", "application", names[0]),
            )


def _outside(cluster: Cluster) -> list[str]:
    """What controllers hold in the cloud: load balancers and volumes."""
    balanced = [item for kind in (INGRESS, SERVICE) for item in cluster.list(kind) if addresses(item)]
    volumes = [item for item in cluster.list(VOLUME) if (item.get("spec") or {}).get("csi")]
    return [str(Key.of(item)) for item in (*balanced, *volumes)]
