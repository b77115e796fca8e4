"""Server-side apply of a list of manifests, in an order that works, telling what changed.

Namespaces, then CustomResourceDefinitions (waited for until Established and served), then the rest by
kind, so that nothing is created before what it needs. All failures of a phase are collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bootstrap.core.errors import PermanentError, Problem, ProblemsError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.core.wait import until as poll
from bootstrap.kubernetes.client import FIELD_MANAGER, Cluster
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, Waiter, until
from bootstrap.kubernetes.noop import is_noop
from bootstrap.kubernetes.objects import CRD, NAMESPACE, Json, Key, Kind, metadata, name, spec

WORKERS = 4  # requests at a time
SERVED = 30.0  # seconds from Established until discovery shows a kind

# Helm's install order (helm/pkg/releaseutil), shortened; webhooks last, lest they judge their own parts.
_ORDER = (
    "PriorityClass", "ResourceQuota", "LimitRange", "ServiceAccount", "Secret", "ConfigMap", "StorageClass",
    "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "NetworkPolicy", "DaemonSet",
    "Deployment", "StatefulSet", "Job", "CronJob", "PodDisruptionBudget", "Ingress", "APIService",
)  # fmt: skip
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Applied:
    changed: tuple[Key, ...] = ()
    unchanged: tuple[Key, ...] = ()

    def __add__(self, other: Applied) -> Applied:
        return Applied(self.changed + other.changed, self.unchanged + other.unchanged)

    def __str__(self) -> str:
        total = len(self.changed) + len(self.unchanged)
        return (
            f"{len(self.changed)} of {total} objects changed"
            if self.changed
            else f"{total} objects as they were"
        )


def apply(
    cluster: Cluster,
    manifests: Iterable[Json],
    waiter: Waiter,
    *,
    manager: str = FIELD_MANAGER,
    namespace: str = "default",
) -> Applied:
    """Make it so. `namespace` is for objects that need one and name none, as with `kubectl apply -n`.

    Raises TemporaryError when all failures of a phase may pass, else ProblemsError.
    """
    items = [item for item in manifests if item]
    namespaces = [item for item in items if Kind.of(item).unversioned == NAMESPACE]
    definitions = [item for item in items if Kind.of(item).unversioned == CRD]
    rest = [item for item in items if Kind.of(item).unversioned not in {NAMESPACE, CRD}]
    done = _phase(cluster, namespaces, manager) + _phase(cluster, definitions, manager)
    if definitions:
        established(cluster, [name(item) for item in definitions], waiter)
        _served(cluster, definitions, waiter)
    for group in _groups(rest):
        done += _phase(cluster, [_placed(cluster, item, namespace) for item in group], manager)
    return done


def _placed(cluster: Cluster, item: Json, namespace: str) -> Json:
    """The object with a namespace, where its kind needs one. Raises NotServed."""
    if metadata(item).get("namespace") or not cluster.resource(Kind.of(item)).namespaced:
        return item
    return {**item, "metadata": {**metadata(item), "namespace": namespace}}


def established(cluster: Cluster, definitions: Sequence[str], waiter: Waiter) -> None:
    """Wait until these CustomResourceDefinitions are Established. DeadlineError names those that are not."""

    def decide(cache: InformerCache) -> Observation[bool]:
        there = {name(item): assess(item) for item in cache.items(CRD)}
        late = [which for which in definitions if which not in there or not there[which].ok]
        return Observation(None if late else True, f"not Established: {', '.join(late)}")

    with Informer(cluster, Scope(CRD)) as cache:
        until(cache, decide, waiter, what="CustomResourceDefinitions")


def _served(cluster: Cluster, definitions: Iterable[Json], waiter: Waiter) -> None:
    """Discovery lags behind Established by a moment."""
    kinds = [Kind(spec(item)["group"], spec(item)["names"]["kind"]) for item in definitions]

    def probe() -> Observation[bool]:
        catalogue = cluster.refresh()
        late = [str(kind) for kind in kinds if catalogue.find(kind) is None]
        return Observation(None if late else True, f"not served yet: {', '.join(late)}")

    poll(
        probe,
        what="new kinds",
        deadline=min(SERVED, waiter.deadline),
        clock=waiter.clock,
        cancel=waiter.cancel,
        progress=waiter.progress,
        interval=0.1,
    )


def _groups(items: Iterable[Json]) -> list[list[Json]]:
    """Items of one rank each, in order; kinds not named come after the workloads and before webhooks."""
    ranked: dict[int, list[Json]] = {}
    for item in items:
        ranked.setdefault(_rank(str(item.get("kind"))), []).append(item)
    return [ranked[rank] for rank in sorted(ranked)]


def _rank(kind: str) -> int:
    if kind in _LAST:
        return len(_ORDER) + 1
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _phase(cluster: Cluster, items: Sequence[Json], manager: str) -> Applied:
    if not items:
        return Applied()
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda item: (Key.of(item), _one(cluster, item, manager)), items))
    _raise([(key, found) for key, found in outcomes if not isinstance(found, bool)])
    return Applied(
        tuple(key for key, found in outcomes if found is True),
        tuple(key for key, found in outcomes if found is False),
    )


def _one(cluster: Cluster, item: Json, manager: str) -> bool | TemporaryError | PermanentError:
    """Whether the object changed, or the error."""
    try:
        before = cluster.find(Key.of(item))
        if before is not None and is_noop(item, before, manager):
            return False
        after = cluster.apply(item, manager=manager)
    except (TemporaryError, PermanentError) as error:
        return error
    return before is None or essence(before) != essence(after)


def _raise(failures: Sequence[tuple[Key, TemporaryError | PermanentError]]) -> None:
    if not failures:
        return
    if all(isinstance(error, TemporaryError) for _, error in failures):
        key, first = failures[0]
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise TemporaryError(f"could not apply {key}{more}", first.why or first.what)
    raise ProblemsError(
        f"could not apply {len(failures)} objects",
        [Problem(str(key), error.why or error.what, error.cure) for key, error in failures],
    )


def essence(item: Json) -> dict[str, Any]:
    """An object without what others write all the time: status and bookkeeping."""
    ignored = {"resourceVersion", "managedFields", "generation"}
    kept = {key: value for key, value in metadata(item).items() if key not in ignored}
    return {key: value for key, value in item.items() if key != "status"} | {"metadata": kept}
