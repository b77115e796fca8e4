"""The cluster → Picture. Reads only, and only what is needed for the pending members.

The number of requests is bounded whatever the number of Applications: lists of the namespaces that pending
members use (of all namespaces when they are many), and single reads of a bounded number of custom resources.
What cannot be read is left out and said (`Picture.unread`). The data of Secrets is never asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from bootstrap.config.model import Environment
from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.diagnosis.causes import judge
from bootstrap.diagnosis.causes.source import project_gone
from bootstrap.diagnosis.causes.sync import webhook_service
from bootstrap.diagnosis.model import Verdict
from bootstrap.diagnosis.picture import Pending, Picture, key_of_event, last_seen, stripped
from bootstrap.diagnosis.strip import (
    INGRESS_CLASS,
    NAMESPACED_STORE,
    QUOTA,
    REPLICA_SET,
    STORAGE_CLASS,
)
from bootstrap.kubernetes.argo import View
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import (
    APP_PROJECT,
    APPLICATION,
    APPLICATION_SET,
    CLAIM,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    INGRESS,
    JOB,
    NAMESPACE,
    NODE,
    POD,
    SECRET_STORE,
    SERVICE,
    STATEFUL_SET,
    Json,
    Key,
    Kind,
    dig,
    name,
    namespace,
    spec,
)
from bootstrap.kubernetes.waves import Member, Wave, WaveState

K = TypeVar("K")

WORKERS = 6  # requests at a time
MOST_NAMESPACES = 6  # beyond it lists are of all namespaces
SLOWEST = 120.0  # seconds that a sync may always run
MOST_EVENTS = 3  # of one reason about one object
MOST_SERVICES = 5  # of admission webhooks
MOST_CUSTOM = 80  # single reads of custom resources

_INSIDE = (
    *(POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CLAIM, SERVICE, INGRESS, QUOTA),
    *(EVENT, NAMESPACED_STORE),
)
_CLUSTER_WIDE = (NODE, NAMESPACE, STORAGE_CLASS, INGRESS_CLASS, SECRET_STORE)
# Without a health of their own: not worth a read.
_PLAIN = re.compile(r"(^|\.)(k8s\.io|cilium\.io|projectcalico\.org|kyverno\.io|grafana\.com)$")


_FOREIGN = frozenset({APPLICATION, APPLICATION_SET, APP_PROJECT, ENDPOINT_SLICE})


@dataclass(frozen=True)
class _Read:
    items: tuple[Json, ...] = ()
    unread: str = ""


def diagnose(
    cluster: Cluster,
    state: WaveState,
    applications: Iterable[Json],
    secrets: Iterable[Json],
    *,
    config: Environment,
    now: float,
) -> tuple[Verdict, ...]:
    """Why the pending members of the current wave (or the root) are not done; one verdict a member.

    `secrets` are the ExternalSecrets, `now` Unix seconds. A member that gets on by itself has a verdict of
    Outlook.SLOW with the cause "slow": what it waits for, never a reason to fail. Never raises for what
    cannot be read; that is left out.
    """
    pending = members(state, state.current)
    return judge(gather(cluster, pending, applications, secrets, config=config, now=now), config)


def members(state: WaveState, wave: Wave | None) -> tuple[Pending, ...]:
    """The pending members of a wave; without one, the root when it is not done."""
    if wave is not None:
        return tuple(_pending(member, wave.number) for member in wave.pending)
    return () if state.root.done else (_pending(state.root, None),)


def _pending(member: Member, wave: int | None) -> Pending:
    parent = member.owner or member.parent
    return Pending(
        member.name, member.kind, wave, member.sync, member.health, member.reason, parent, member.stale
    )


def gather(
    cluster: Cluster,
    pending: Sequence[Pending],
    applications: Iterable[Json],
    secrets: Iterable[Json],
    *,
    config: Environment,
    now: float,
) -> Picture:
    """Read what is needed to tell why these members are not done."""
    wanted = set(_applications(pending, config))
    apps = tuple(item for item in applications if name(item) in wanted)
    views = [View(item) for item in apps]
    reads = _lists(cluster, pending, views, config)
    custom = list(_custom_keys([view for view in views if view.name != config.gitops.root_app]))
    reads += _parallel(lambda key: _one(cluster, key), custom[:MOST_CUSTOM])
    found = [item for read in reads for item in read.items]
    messages = [text for view in views for text in _messages(view)]
    messages += [str(item.get("message")) for item in found if item.get("kind") == "Event"]
    reads += (projects := _parallel(lambda key: _one(cluster, key), sorted(_projects(views, config))))
    found += [item for read in projects for item in read.items]
    called = sorted({service for text in messages if (service := webhook_service(text))})[:MOST_SERVICES]
    reads += (slices := _parallel(lambda service: _slices(cluster, *service), called))
    found += [item for read in slices for item in read.items]
    served = frozenset(_served(cluster, views))
    unread = [read.unread for read in reads if read.unread]
    if len(custom) > MOST_CUSTOM:
        unread.append(f"{len(custom) - MOST_CUSTOM} more custom resources")
    return Picture(
        now=now,
        root=config.gitops.root_app,
        members=tuple(pending),
        objects=relevant(stripped((*apps, *secrets, *found)), set(_all_spaces(views, config))),
        patience=_patience(config, pending),
        served=served,
        unread=tuple(dict.fromkeys(unread)),
    )


def relevant(items: Sequence[Json], spaces: set[str]) -> tuple[Json, ...]:
    """What belongs to these namespaces or to the cluster, with the newest Events about it."""
    events = [item for item in items if Kind.of(item).unversioned == EVENT]
    rest = [item for item in items if Kind.of(item).unversioned != EVENT]
    kept = [item for item in rest if namespace(item) in spaces or _global(item)]
    kept = [item for item in kept if Kind.of(item).unversioned != NAMESPACE or name(item) in spaces]
    keys = {Key.of(item) for item in kept}
    told: Counter[tuple[Key, str]] = Counter()
    for event in sorted(events, key=last_seen, reverse=True):
        about = key_of_event(event), str(event.get("reason"))
        told[about] += 1
        if about[0] in keys and told[about] <= MOST_EVENTS:
            kept.append(event)
    return tuple(kept)


def _global(item: Json) -> bool:
    """Cluster-wide, or wanted whatever its namespace: Argo CD's own, and where webhooks lead."""
    return not namespace(item) or Kind.of(item).unversioned in _FOREIGN


def _all_spaces(views: Sequence[View], config: Environment) -> Iterator[str]:
    for view in views:
        if view.name != config.gitops.root_app:
            yield from filter(None, _spaces(view))


def _applications(pending: Sequence[Pending], config: Environment) -> Iterator[str]:
    """The Applications asked about, and of those that are missing what makes them."""
    for member in pending:
        yield member.name
        if member.sync == "Missing":
            yield member.parent or config.gitops.root_app


def _patience(config: Environment, pending: Sequence[Pending]) -> float:
    """Seconds that a sync may run: half of the wave's deadline as in `repairs`, but not less than is slow."""
    wave = next((member.wave for member in pending if member.wave is not None), None)
    waves = config.waves
    deadline = waves.deadlines.get(wave, waves.deadline) if wave is not None else waves.deadline
    return max(deadline / 2, SLOWEST)


def _lists(
    cluster: Cluster, pending: Sequence[Pending], views: Sequence[View], config: Environment
) -> list[_Read]:
    spaces = sorted(set(_all_spaces(views, config)))
    scopes = spaces if len(spaces) <= MOST_NAMESPACES else [""]
    wanted = [(kind, space) for kind in _INSIDE for space in scopes]
    wanted += [(kind, "") for kind in _CLUSTER_WIDE]
    if any(member.kind == APPLICATION_SET.name for member in pending):
        wanted.append((APPLICATION_SET, config.gitops.namespace))
    return _parallel(lambda scope: _list(cluster, *scope), wanted)


def _spaces(view: View) -> Iterator[str]:
    yield str(dig(spec(view.item), "destination", "namespace") or "")
    yield from (str(entry.get("namespace") or "") for entry in (*view.resources, *view.sync_results))


def _custom_keys(views: Iterable[View]) -> Iterator[Key]:
    """Objects that are read one by one: custom resources, and child Applications' own kind not."""
    read = {*_INSIDE, *_CLUSTER_WIDE, APPLICATION, APPLICATION_SET}
    for view in views:
        for entry in view.resources:
            kind = Kind(str(entry.get("group") or ""), str(entry.get("kind")))
            if kind in read or "." not in kind.group or _PLAIN.search(kind.group):
                continue
            if kind.group != "external-secrets.io":  # those are given
                yield Key(kind, str(entry.get("namespace") or ""), str(entry.get("name")))


def _messages(view: View) -> Iterator[str]:
    yield view.operation_message
    yield from (str(entry.get("message") or "") for entry in view.sync_results)


def _projects(views: Iterable[View], config: Environment) -> Iterator[Key]:
    """AppProjects that Argo CD says are not there: for some seconds after its start it has read none."""
    for view in views:
        if project_gone(view.errors()):
            yield Key(APP_PROJECT, config.gitops.namespace, str(spec(view.item).get("project", "default")))


def _served(cluster: Cluster, views: Iterable[View]) -> Iterator[str]:
    """Kinds of refused objects that the server has by now."""
    refused = {
        Kind(str(entry.get("group") or ""), str(entry.get("kind")))
        for view in views
        for entry in view.sync_results
        if entry.get("status") == "SyncFailed" and entry.get("group")
    }
    if not refused:
        return
    try:
        catalogue = cluster.refresh()
    except (TemporaryError, PermanentError):
        return
    yield from (str(kind) for kind in refused if catalogue.find(kind) is not None)


def _parallel(read: Callable[[K], _Read], wanted: Sequence[K]) -> list[_Read]:
    if not wanted:
        return []
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(read, wanted))


def _list(cluster: Cluster, kind: Kind, space: str) -> _Read:
    try:
        return _Read(cluster.list(kind, space))
    except (TemporaryError, PermanentError) as error:
        where = f" in {space}" if space else ""
        return _Read(unread=f"{kind}s{where}: {error}")


def _slices(cluster: Cluster, space: str, service: str) -> _Read:
    try:
        return _Read(cluster.list(ENDPOINT_SLICE, space, labels=f"kubernetes.io/service-name={service}"))
    except (TemporaryError, PermanentError) as error:
        return _Read(unread=f"EndpointSlices of {space}/{service}: {error}")


def _one(cluster: Cluster, key: Key) -> _Read:
    try:
        item = cluster.find(key)
    except (TemporaryError, PermanentError) as error:
        return _Read(unread=f"{key}: {error}")
    return _Read((item,) if item is not None else ())
