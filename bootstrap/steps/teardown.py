"""Down, first part: the Applications go while their controllers live.

Argo CD deletes the root Application's resources in reverse order of the waves, each Application with
everything it made; Applications that are not in Git are deleted with the root. So load balancers, DNS
records and volumes are given back by the controllers that made them, before Terraform takes the machines
away. What is only frame (namespaces, CRDs) is not waited for: it makes nothing outside, and goes with the
cluster. What only a controller that is gone could let go of is let go of here (abandoned.py). A cluster that
is not there, or no longer answers, is no reason to keep the rest: Terraform and the audit after it go on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bootstrap.core.errors import DeadlineError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.argo import CASCADE, View, tracked_app
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.errors import Forbidden, NotFound, NotServed, Untrusted
from bootstrap.kubernetes.health.core import addresses
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    CLAIM,
    CRD,
    DEPLOYMENT,
    INGRESS,
    NAMESPACE,
    POD,
    SERVICE,
    VOLUME,
    Json,
    Key,
    Kind,
    dig,
    is_true,
    metadata,
    name,
    namespace,
    spec,
    status,
    terminating,
    uid,
)
from bootstrap.run.context import Context
from bootstrap.run.events import Notice, ResourceChanged
from bootstrap.run.step import Done
from bootstrap.steps.abandoned import GRACE, Abandoned, free
from bootstrap.steps.access import existing
from bootstrap.steps.root_app import root_key

COSTLY = (INGRESS, SERVICE, VOLUME)
FRAME = (NAMESPACE, CRD, APPLICATION, APPLICATION_SET)  # the root Application is made of the last two
STALL = 90.0  # seconds in which nothing goes away

# Parts of the finalizers, or the CSI drivers, of what costs money, and the Deployment whose they are.
CONTROLLERS = {
    "ingress.k8s.aws": "aws-load-balancer-controller",
    "service.k8s.aws": "aws-load-balancer-controller",
    "ebs.csi.aws.com": "ebs-csi-controller",
}


def run(context: Context) -> Done:
    """Delete the root Application with all it made, and every claim for storage.

    Raises DeadlineError when what costs money outside the cluster (load balancers, volumes) does not go
    away; anything else goes with the machines and is only reported.
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
    for item in applications:
        _cascade(cluster, item)
    cluster.delete(root_key(gitops))
    for item in unowned([*applications, *cluster.list(APPLICATION_SET, gitops.namespace)]):
        cluster.delete(Key.of(item))
    for item in applications:
        _stop_self_heal(cluster, item)
    remover = Remover(context, cluster)
    argo = (Scope(kind, gitops.namespace) for kind in (APPLICATION, APPLICATION_SET))
    with Informer(cluster, *argo, *map(Scope, (*COSTLY, CLAIM, DEPLOYMENT, NAMESPACE))) as world:
        left = until(world, remover.decide, context, what="Applications to go")
    if left:
        context.emit(Notice(f"not removed before the machines: {', '.join(map(str, left))}"))
    rest = cluster.list(APPLICATION, gitops.namespace)
    there = {name(item) for item in rest}
    for item in applications:
        if name(item) not in there:
            context.emit(ResourceChanged(context.step, "delete", f"Application {name(item)}", 0.0))
    summary = f"{len(applications) - len(rest)} of {len(applications)} Applications removed"
    return Done(f"{summary}, the rest goes with the cluster" if rest else summary, changed=bool(applications))


def unowned(items: Sequence[Json]) -> Iterator[Json]:
    """Applications and ApplicationSets that go with no other: made by hand, or by what is gone. Pure."""
    applications = {name(item): View(item) for item in items if Key.of(item).kind == APPLICATION}
    listed = {
        (entry.get("kind"), entry.get("name"))
        for app, view in applications.items()
        for entry in view.resources
        if entry.get("name") != app  # one may consist of itself
    }
    for item in items:
        maker = tracked_app(item)
        tracked = maker in applications and maker != name(item)
        if not tracked and (item["kind"], name(item)) not in listed and not _made_by_set(item):
            yield item


def _made_by_set(item: Json) -> bool:
    owners = metadata(item).get("ownerReferences") or ()
    return any(owner.get("kind") == "ApplicationSet" for owner in owners)


def _stop_self_heal(cluster: Cluster, item: Json) -> None:
    """Nothing that is taken away may come back meanwhile. The next `up` restores the policy from Git.

    Those of an ApplicationSet go with it; its controller would write the policy again.
    """
    if not _made_by_set(item) and dig(spec(item), "syncPolicy", "automated") is not None:
        with suppress(NotFound):
            cluster.patch(Key.of(item), {"spec": {"syncPolicy": {"automated": None}}})


def _cascade(cluster: Cluster, item: Json) -> None:
    """Let its deletion take along what it made. Those of an ApplicationSet are its controller's to mark."""
    finalizers = list(metadata(item).get("finalizers") or ())
    if _made_by_set(item) or terminating(item) or any(entry.startswith(CASCADE) for entry in finalizers):
        return
    cluster.patch(Key.of(item), {"metadata": {"finalizers": [*finalizers, CASCADE]}})


class Remover:
    """Waits while less and less is left. `decide` answers what is left behind, at best nothing."""

    def __init__(self, context: Context, cluster: Cluster) -> None:
        self._context, self._cluster = context, cluster
        self._fewest, self._since = sys.maxsize, context.clock.monotonic()
        self._alone: dict[str, float] = {}  # since when a controller that is needed is not there
        self._abandoned = Abandoned(context, cluster)

    def decide(self, world: InformerCache) -> Observation[tuple[Key, ...]]:
        self._release(world)
        self._release_claims(world)
        self._abandoned.release(world)
        applications = [item for item in world.items(APPLICATION) if not _only_frame(item)]
        applications += world.items(APPLICATION_SET)
        costly = [item for kind in COSTLY for item in world.items(kind) if _costs(item)]
        # Without an address nothing is waited for; a finalizer would keep its namespace all the same.
        held = [item for kind in (INGRESS, SERVICE) for item in world.items(kind) if not _costs(item)]
        orphans = [item for item in self._orphans([*costly, *held], world) if item in costly]
        outside = [Key.of(item) for item in costly if item not in orphans]
        left = (*map(Key.of, applications), *outside)
        if not left:
            return Observation(tuple(map(Key.of, orphans)))
        if not self._stalled(len(left)):
            return Observation(None, _said(left))
        if outside:
            raise self._stuck(outside, applications)
        return Observation((*left, *map(Key.of, orphans)))

    def _orphans(self, costly: Sequence[Json], world: InformerCache) -> list[Json]:
        """Those whose controller is gone: nobody gives back what they hold, nor takes their finalizers off.

        They are set free here, so that nothing waits for them; what they hold in AWS is found by the sweep.
        """
        running = {name(item) for item in world.items(DEPLOYMENT) if is_true(item, "Available")}
        now, found = self._context.clock.monotonic(), []
        for controller in {controller_of(item) for item in costly} - {""} | self._alone.keys():
            if controller in running:
                self._alone.pop(controller, None)
            else:
                self._alone.setdefault(controller, now)
        for item in costly:
            controller, asked = controller_of(item), terminating(item) or Key.of(item).kind == VOLUME
            if asked and controller in self._alone and now - self._alone[controller] > GRACE:
                found.append(item)
                self._free(item, controller)
        return found

    def _free(self, item: Json, controller: str) -> None:
        finalizers = list(metadata(item).get("finalizers") or ())
        staying = [entry for entry in finalizers if not _held_by(entry, controller)]
        if staying != finalizers:
            why = f"{controller} is gone, so its finalizer was taken off"
            free(self._context, self._cluster, item, staying, why)

    def _release(self, world: InformerCache) -> None:
        """Delete what a controller holds a load balancer for, all of it, while that controller lives.

        Deleting Applications is not enough: where Argo CD does not work any more nothing would go.
        """
        for item in (*world.items(INGRESS), *world.items(SERVICE)):
            balanced = Key.of(item).kind != SERVICE or spec(item).get("type") == "LoadBalancer"
            if balanced and not terminating(item):
                self._cluster.delete(Key.of(item), uid=uid(item))

    def _release_claims(self, world: InformerCache) -> None:
        """Delete every claim for storage; StatefulSets leave theirs behind.

        Kubernetes keeps a claim until its last pod is gone, and Argo CD deletes nothing of an Application
        while something of it is terminating (v3.6, appcontroller.go, finalizeApplicationDeletion): with its
        claim deleted first, the Deployment that uses it would stay, and so would the claim. So an
        Application's own claims are left to Argo CD, until nothing goes away any more.
        """
        applications = {name(item) for item in world.items(APPLICATION)}
        waited = self._waited() > self._patience / 2
        for claim in world.items(CLAIM):
            if waited or tracked_app(claim) not in applications:
                if not terminating(claim):
                    self._cluster.delete(Key.of(claim), uid=uid(claim))
                elif waited:
                    self._stop_users(Key.of(claim))

    def _stop_users(self, claim: Key) -> None:
        """Delete what runs the pods that keep a claim, else the pods."""
        for pod in self._cluster.list(POD, claim.namespace):
            volumes = spec(pod).get("volumes") or ()
            used = {dig(volume, "persistentVolumeClaim", "claimName") for volume in volumes}
            if claim.name in used:
                self._cluster.delete(self._runner(pod))

    def _runner(self, item: Json) -> Key:
        """What would make it anew: the end of the chain of its owners."""
        owners = metadata(item).get("ownerReferences") or ()
        for owner in (owner for owner in owners if owner.get("controller")):
            with suppress(NotFound, NotServed):
                above = Key(Kind.of(owner).unversioned, namespace(item), owner["name"])
                return self._runner(self._cluster.get(above))
        return Key.of(item)

    def _stalled(self, count: int) -> bool:
        if count < self._fewest:
            self._fewest, self._since = count, self._context.clock.monotonic()
        return self._waited() > self._patience

    def _waited(self) -> float:
        """Seconds since something went away last."""
        return self._context.clock.monotonic() - self._since

    @property
    def _patience(self) -> float:
        return min(STALL, self._context.deadline / 2)

    def _stuck(self, outside: Sequence[Key], applications: Sequence[Json]) -> DeadlineError:
        config, first = self._context.config, Key.of(applications[0]) if applications else outside[0]
        where = ["-n", first.namespace] if first.namespace else []
        return DeadlineError(
            f"what the cluster holds outside of it does not go away: {', '.join(map(str, outside))}",
            "without the cluster nobody would remove it, and it would go on costing",
            kubectl(config, *where, "describe", str(first.kind), first.name),
        )


def controller_of(item: Json) -> str:
    """The Deployment that gives back what it holds in the cloud; empty when we do not know. Pure."""
    key = Key.of(item)
    if key.kind == VOLUME:
        return CONTROLLERS.get(str(dig(spec(item), "csi", "driver")), "")
    finalizers = metadata(item).get("finalizers") or ()
    return next((CONTROLLERS[mark] for entry in finalizers for mark in CONTROLLERS if mark in entry), "")


def _held_by(finalizer: str, controller: str) -> bool:
    return any(mark in finalizer and owner == controller for mark, owner in CONTROLLERS.items())


def _only_frame(application: Json) -> bool:
    """Whether an Application is known to have made namespaces, CRDs and other Applications only."""
    made = status(application).get("resources") or ()
    return bool(made) and all(Kind(entry.get("group", ""), entry["kind"]) in FRAME for entry in made)


def _costs(item: Json) -> bool:
    """Whether a controller holds something in the cloud for it: an address, or a volume of a claim."""
    if Key.of(item).kind == VOLUME:
        return bool(spec(item).get("csi")) and spec(item).get("persistentVolumeReclaimPolicy") == "Delete"
    return bool(addresses(item))


def _said(left: Sequence[Key]) -> str:
    names = sorted(f"{key.kind.name} {key.name}" for key in left)
    return f"{len(left)} left: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
