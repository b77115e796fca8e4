"""On the way down: what keeps a namespace for ever because the program that would let go of it is gone.

The namespace controller removes a namespace when nothing is left in it, and says in its conditions what it
waits for. Three things never end by themselves, and are ended here, each on proof:

- an object's finalizer of a controller that is gone. Proof: no pod that is ready has a service account that
  may change objects of that kind (the API server is asked), so nobody is left who could take it off
- an APIService whose server is gone: as long as it is there, what is in the namespace cannot be listed
- a webhook whose server is gone: it refuses the very change that takes a finalizer off

Kubernetes' own finalizers are left to Kubernetes, and so is the namespace's own (`spec.finalizers`): taken
off by force, it would leave what is in the namespace behind. What an object held in AWS the sweep removes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import APIResource
from bootstrap.kubernetes.errors import Busy, NotFound
from bootstrap.kubernetes.informer import InformerCache
from bootstrap.kubernetes.objects import (
    API_SERVICE,
    MUTATING_WEBHOOKS,
    NAMESPACE,
    POD,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    condition,
    dig,
    is_true,
    metadata,
    name,
    namespace,
    spec,
    terminating,
)
from bootstrap.run.context import Context
from bootstrap.run.events import Notice

GRACE = 20.0  # seconds for which a program may be away: it may be restarting
APART = 5.0  # seconds between two looks
REVIEW = Kind("authorization.k8s.io", "SubjectAccessReview")
OWN = ("foregroundDeletion", "orphan")  # Kubernetes' own that name no domain

User = tuple[str, str]  # a service account: namespace and name


class Abandoned:
    """Looks at namespaces that do not go, and lets go of what nobody else can."""

    def __init__(self, context: Context, cluster: Cluster) -> None:
        self._context, self._cluster = context, cluster
        self._since: dict[Key, float] = {}  # since when nobody is there for it
        self._looked = float("-inf")

    def release(self, world: InformerCache) -> None:
        """To be called again and again while namespaces are waited for. Raises as any call."""
        now = self._context.clock.monotonic()
        held = [item for item in world.items(NAMESPACE) if terminating(item) and _waits(item)]
        if not held or now - self._looked < APART:
            return
        self._looked = now
        if any(is_true(item, "NamespaceDeletionDiscoveryFailure") for item in held):
            self._drop_services()
        users = tuple(_users(self._cluster.list(POD)))
        for item in held:
            for found in self._remaining(item):
                self._free_unless(found, users)

    def _drop_services(self) -> None:
        for item in self._cluster.list(API_SERVICE):
            dead = bool(spec(item).get("service")) and not is_true(item, "Available")
            if self._lasts(Key.of(item), dead) and self._cluster.delete(Key.of(item)):
                self._tell(
                    f"{Key.of(item)} was removed: no server answers for it, and namespaces wait for it"
                )

    def _remaining(self, space: Json) -> Iterator[Json]:
        """What is left in it that is being deleted, and has finalizers that are not Kubernetes' own."""
        for resource in remaining(space, self._cluster.refresh().resources):
            for item in self._cluster.list(Kind(resource.group, resource.kind), name(space)):
                if terminating(item) and foreign(item):
                    yield item

    def _free_unless(self, item: Json, users: Sequence[User]) -> None:
        """Take foreign finalizers off, unless somebody is there who may."""
        key, argo = Key.of(item), self._context.config.gitops.namespace
        # Argo CD may change everything, and lets go of nothing but its own.
        able = (user for user in users if user[0] != argo or key.kind.group == "argoproj.io")
        if self._lasts(key, not any(self._may(user, key) for user in able)):
            gone = foreign(item)
            staying = [entry for entry in metadata(item)["finalizers"] if entry not in gone]
            why = f"nobody is left who could take {', '.join(gone)} off, so it was taken off"
            free(self._context, self._cluster, item, staying, why)

    def _may(self, user: User, key: Key) -> bool:
        """Whether it may change such an object, as the API server sees it."""
        resource = self._cluster.resource(key.kind)
        what = {"group": resource.group, "resource": resource.plural, "namespace": key.namespace}
        asked = {"user": f"system:serviceaccount:{user[0]}:{user[1]}", "groups": _groups(user)}
        answers = (
            self._cluster.create(
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": REVIEW.name,
                    "spec": {**asked, "resourceAttributes": {**what, "verb": verb}},
                }
            )
            for verb in ("update", "patch")
        )
        return any(dig(answer, "status", "allowed") is True for answer in answers)

    def _lasts(self, key: Key, dead: bool) -> bool:
        """Whether that has been so for longer than a restart takes."""
        if not dead:
            self._since.pop(key, None)
            return False
        now = self._context.clock.monotonic()
        return now - self._since.setdefault(key, now) > GRACE

    def _tell(self, message: str) -> None:
        self._context.emit(Notice(message))


def free(context: Context, cluster: Cluster, item: Json, staying: Sequence[str], why: str) -> None:
    """Leave an object only the finalizers that are `staying`.

    A webhook that cannot be called keeps it so; it is removed, and the next look tries again.
    """
    try:
        with suppress(NotFound):
            cluster.patch(Key.of(item), {"metadata": {"finalizers": list(staying)}})
        context.emit(Notice(f"{Key.of(item)}: {why}"))
    except Busy as error:
        dead = list(_failing(cluster, str(error)))
        if not dead:
            raise
        for key in dead:
            cluster.delete(key)
            context.emit(Notice(f"{key} was removed: its webhook cannot be called, and keeps {Key.of(item)}"))


def foreign(item: Json) -> list[str]:
    """Its finalizers that are not Kubernetes' own. Pure."""
    return [entry for entry in metadata(item).get("finalizers") or () if not _kubernetes_own(entry)]


def remaining(space: Json, resources: Sequence[APIResource]) -> Iterator[APIResource]:
    """The kinds of which a namespace's condition says that objects are left in it. Pure.

    Its words: `Some resources are remaining: pods. has 1 resource instances, …`.
    """
    said = str((condition(space, "NamespaceContentRemaining") or {}).get("message") or "")
    named = set(re.findall(r"([a-z0-9-]+)\.([a-z0-9.-]*) has \d+ resource instance", said))
    seen = set[tuple[str, str]]()
    for resource in resources:
        which = (resource.plural, resource.group)
        if which in named and which not in seen:
            seen.add(which)
            yield resource


def _kubernetes_own(finalizer: str) -> bool:
    domain = finalizer.partition("/")[0]
    return finalizer in OWN or domain in ("kubernetes", "kubernetes.io") or domain.endswith(".kubernetes.io")


def _waits(space: Json) -> bool:
    kinds = ("NamespaceFinalizersRemaining", "NamespaceDeletionDiscoveryFailure")
    return any(is_true(space, kind) for kind in kinds)


def _users(pods: Sequence[Json]) -> Iterator[User]:
    """The service accounts of what runs."""
    ready = (pod for pod in pods if is_true(pod, "Ready") and not terminating(pod))
    yield from dict.fromkeys(
        (namespace(pod), spec(pod).get("serviceAccountName", "default")) for pod in ready
    )


def _groups(user: User) -> list[str]:
    return ["system:serviceaccounts", f"system:serviceaccounts:{user[0]}", "system:authenticated"]


def _failing(cluster: Cluster, said: str) -> Iterator[Key]:
    """The configurations of the webhook that an error names."""
    found = re.search(r'failed calling webhook "([^"]+)"', said)
    for kind in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS) if found else ():
        for item in cluster.list(kind):
            if found and any(webhook.get("name") == found.group(1) for webhook in item.get("webhooks") or ()):
                yield Key.of(item)
