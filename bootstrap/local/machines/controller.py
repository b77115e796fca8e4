"""Makes control plane, nodes and SSM parameters follow the EC2 instances. Level-triggered."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bootstrap.core.errors import BootstrapError
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import AlreadyExists
from bootstrap.kubernetes.objects import NODE, Json, Key, name, spec
from bootstrap.local.machines import parameters
from bootstrap.local.machines.aws import Aws
from bootstrap.local.machines.control_plane import ControlPlane
from bootstrap.local.machines.instances import Instance
from bootstrap.local.machines.node import node

log = logging.getLogger(__name__)


class ClusterControllers(Protocol):
    """The controllers inside the cluster: `ControllerManager`."""

    def start(self, cluster: Cluster) -> None: ...

    def stop(self) -> bool:
        """Tell all controllers to stop. Returns whether they have."""
        ...


class MachineController:
    def __init__(
        self,
        aws: Aws,
        control_plane: ControlPlane,
        controllers: ClusterControllers,
        connect: Callable[[Path], Cluster] = Cluster.from_kubeconfig,
        may_begin: Callable[[Instance], bool] = lambda _: True,
    ) -> None:
        """`may_begin` is asked before a new control plane boots for the first time."""
        self._aws, self._control_plane, self._controllers, self._connect = (
            aws,
            control_plane,
            controllers,
            connect,
        )
        self._may_begin = may_begin
        self._cluster: Cluster | None = None

    def reconcile(self) -> bool:
        """One pass. Returns False if another pass should follow soon because something is still under way."""
        instances = [instance for instance in self._aws.instances() if instance.alive]
        machine = control_plane_machine(instances, self._control_plane.owner)
        owner = self._control_plane.owner
        if owner and (machine is None or machine.id != owner):
            return self._off() and self._control_plane.wipe() and machine is None
        if machine is None:
            return True
        if not machine.running:
            return self._off() and self._control_plane.halt()
        return self._on(machine, [instance for instance in instances if instance.running])

    def _off(self) -> bool:
        self._cluster = None
        return self._controllers.stop()

    def _on(self, machine: Instance, running: list[Instance]) -> bool:
        if not self._control_plane.owner:
            self._control_plane.unpack()
            if not self._may_begin(machine):
                return False
        self._control_plane.boot(machine.id)
        if self._cluster is None:
            cluster = self._connect(self._control_plane.kubeconfig)
            if not _serves(cluster):
                return False
            self._cluster = cluster
            self._controllers.start(cluster)
            self._control_plane.join_nodes()
        self._join(self._cluster, running)
        self._publish(machine, running)
        return True

    def _join(self, cluster: Cluster, running: list[Instance]) -> None:
        plan = changes(cluster.list(NODE), running)
        for gone in plan.delete:
            log.info("deleting node %s: its instance is gone", gone)
            cluster.delete(Key(NODE, "", gone))
        version = cluster.version() if plan.create else ""
        for instance in plan.create:
            log.info("instance %s joins as node %s", instance.id, instance.node)
            try:
                cluster.create(node(instance, self._aws.capacity(instance.type), version))
            except AlreadyExists:
                continue

    def _publish(self, machine: Instance, running: list[Instance]) -> None:
        """Write the parameters that are missing or stem from other machines."""
        if not machine.ssm_prefix:
            return
        known = self._aws.parameters(machine.ssm_prefix)
        for wanted in (
            parameters.kubeconfig(machine, self._control_plane.kubeconfig.read_text()),
            parameters.join(
                machine,
                self._control_plane.pki.server.removeprefix("https://"),
                self._control_plane.join_token,
                self._control_plane.authority_hash,
            ),
        ):
            if known.get(wanted.name) != wanted.value:
                self._aws.put(wanted)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        for instance in running:
            marker = parameters.marker(instance, now)
            if not parameters.marks(known.get(marker.name, ""), instance):
                self._aws.put(marker)


def control_plane_machine(instances: Iterable[Instance], owner: str) -> Instance | None:
    """The instance that owns the disk, else the oldest one with that role."""
    found = [instance for instance in instances if instance.control_plane]
    return next((instance for instance in found if instance.id == owner), found[0] if found else None)


@dataclass(frozen=True)
class NodeChanges:
    delete: tuple[str, ...]
    create: tuple[Instance, ...]


def changes(nodes: Iterable[Json], running: Iterable[Instance]) -> NodeChanges:
    """Delete nodes without a running machine, or of an earlier machine of that name; create missing ones.

    Existing nodes stay as they are, even if labels, taints or providerID have drifted: a kubelet sets those
    only when it registers.
    """
    machines: dict[str, Instance] = {}
    for instance in running:
        machines.setdefault(instance.node, instance)
    there = {name(item): str(spec(item).get("providerID", "")) for item in nodes}
    delete = tuple(
        node_name
        for node_name, provider_id in there.items()
        if node_name not in machines
        or (provider_id and not provider_id.endswith(f"/{machines[node_name].id}"))
    )
    kept = there.keys() - set(delete)
    return NodeChanges(delete, tuple(machines[node_name] for node_name in machines if node_name not in kept))


def _serves(cluster: Cluster) -> bool:
    try:
        return not cluster.ready()
    except BootstrapError:
        return False
