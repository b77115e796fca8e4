"""Every node of the configuration Ready, with its labels, taints and providerID; drift is repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bootstrap.config.model import Node
from bootstrap.core.errors import DeadlineError, StuckError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.nodes import ABSENT, NodeCheck, judge
from bootstrap.kubernetes.objects import NODE, Json, Key, metadata, name
from bootstrap.run.context import Context
from bootstrap.run.events import NodeSeen
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.machines import Machines, Marker
from bootstrap.steps.terraform import Outputs

MOST_REPAIRS = 5  # of one node; after that something else sets it back


def run(context: Context) -> Done:
    """Watch the nodes until all are as they should be.

    Raises DeadlineError naming each node that is not, why, and what its machine last reported; StuckError
    when something keeps undoing a repair.
    """
    watcher = _Watcher(context, context.results.get(ClusterAccess).cluster)
    try:
        with Informer(watcher.cluster, Scope(NODE)) as world:
            until(world, watcher.decide, context, what="nodes")
    except DeadlineError as error:
        raise DeadlineError(
            error.what, watcher.explain() or error.why, error.cure or watcher.cure()
        ) from error
    return Done(watcher.summary(), changed=bool(watcher.repaired) or watcher.waited)


class _Watcher:
    def __init__(self, context: Context, cluster: Cluster) -> None:
        self._context, self.cluster = context, cluster
        instances: Mapping[str, Any] = context.results.get(Outputs).values["instances"]
        self._provider_ids = {which: str(fact["provider_id"]) for which, fact in instances.items()}
        self._states: dict[str, str] = {}
        self._machines = Machines(context)
        self.repaired: Counter[str] = Counter()
        self.waited = False

    def decide(self, world: InformerCache) -> Observation[bool]:
        live = {name(item): item for item in world.items(NODE)}
        for node in self._context.config.nodes:
            item = live.get(node.name)
            verdict = judge(node, item, self._provider_ids.get(node.name, ""), self._context.config.nodes)
            self._tell(node.name, verdict.reason or "ready")
            if item is not None and verdict.patch:
                self._repair(node, item, verdict)
        late = self._late()
        self.waited = self.waited or bool(late)
        told = self._machines.look(late)
        return Observation(None if late else True, _short(late, told, len(self._context.config.nodes)))

    def _tell(self, node: str, state: str) -> None:
        if self._states.get(node) != state:
            self._states[node] = state
            self._context.emit(NodeSeen(node, state))

    def _repair(self, node: Node, item: Json, verdict: NodeCheck) -> None:
        if self.repaired[node.name] >= MOST_REPAIRS:
            raise StuckError(
                f"node {node.name} keeps losing what it was given",
                f"{verdict.reason}; it was repaired {MOST_REPAIRS} times",
                kubectl(
                    self._context.config, "get", "node", node.name, "-o", "yaml", "--show-managed-fields"
                ),
            )
        guarded = {
            **verdict.patch,
            "metadata": {
                **(verdict.patch.get("metadata") or {}),
                "resourceVersion": metadata(item).get("resourceVersion"),
            },
        }
        try:
            self.cluster.patch(Key(NODE, "", node.name), guarded)
        except TemporaryError:
            return  # looked at again with the next change
        self.repaired[node.name] += 1
        self._context.progress(f"repaired node {node.name}: {verdict.reason}")

    def _late(self) -> dict[str, str]:
        return {node: state for node, state in self._states.items() if state != "ready"}

    def explain(self) -> str:
        """Each node that is not ready and what its machine says; empty where none was looked at."""
        late = self._late()
        told = self._machines.look(late, now=True)
        lines = (
            f"  - {node}: {state}"
            + (f"; {self._machines.explain(node)}" if state == ABSENT or node in told else "")
            for node, state in sorted(late.items())
        )
        return "".join(f"\n{line}" for line in lines)

    def cure(self) -> str:
        config = self._context.config
        wrong = [node for node, state in self._late().items() if "providerID" in state]
        if wrong:
            return (
                f"kubectl --kubeconfig {config.kubeconfig} delete node {' '.join(wrong)}  # they join again"
            )
        late = self._late()
        absent = sorted(node for node, state in late.items() if state == ABSENT)
        if absent:
            told = self._machines.look(absent)
            return self._machines.cure(next((node for node in absent if _failed(told, node)), absent[0]))
        return f"kubectl --kubeconfig {config.kubeconfig} describe node {next(iter(late), '')}".rstrip()

    def summary(self) -> str:
        ready = f"{len(self._states)} nodes Ready"
        return f"{ready}, {len(self.repaired)} repaired" if self.repaired else ready


def _failed(told: Mapping[str, Marker], node: str) -> bool:
    return node in told and bool(told[node].lines)


def _short(late: Mapping[str, str], told: Mapping[str, Marker], total: int) -> str:
    """Those whose machines have failed come first."""
    first = sorted(late, key=lambda node: (not _failed(told, node), node))[:3]
    machines = {node: f"; its machine: {told[node]}" for node in first if _failed(told, node)}
    shown = ", ".join(f"{node} ({late[node]}{machines.get(node, '')})" for node in first)
    more = f" and {len(late) - 3} more" if len(late) > 3 else ""
    return f"{total - len(late)} of {total} ready; waiting for {shown}{more}"
