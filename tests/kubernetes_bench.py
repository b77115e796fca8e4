"""A cluster in memory and a context that reaches it, for the steps that work on Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstrap.config.model import Gitops, Node, Taint
from bootstrap.core.clock import FakeClock
from bootstrap.kubernetes.objects import Json
from bootstrap.run.context import Context
from bootstrap.run.events import Event, StepProgress
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.terraform import Outputs
from tests.argo_objects import COMMIT, REPO
from tests.aws_context import environment, world
from tests.kubernetes_fake import FakeServer

NODES = (
    Node("cp", "control-plane", "t3.medium", 40, {"role": "control-plane"}),
    Node("api-auth", "worker", "t3.small", 20, {"domain": "auth"}, (Taint("domain", "auth"),)),
)
INSTANCES = {node.name: {"provider_id": f"aws:///ap-northeast-2a/i-{node.name}"} for node in NODES}
KUBECONFIG = "/eco2/dev/cluster/kubeconfig"


@dataclass
class Parameters:
    """SSM, as far as reading goes, and what EC2 has of a machine's console."""

    values: dict[str, str] = field(default_factory=dict)
    console: str = ""

    def get_parameters(self, Names: Iterable[str], WithDecryption: bool) -> Any:
        assert WithDecryption
        found = [{"Name": name, "Value": self.values[name]} for name in Names if name in self.values]
        return {"Parameters": found}

    def get_console_output(self, InstanceId: str, Latest: bool) -> Any:
        return {"InstanceId": InstanceId, "Output": self.console}


@dataclass
class Bench:
    """`context` belongs to a step that starts now; `events` is what it said."""

    server: FakeServer
    parameters: Parameters
    context: Context
    events: list[Event]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def said(self) -> str:
        return "\n".join(event.message for event in self.of(StepProgress))

    def once(self) -> Context:
        """A context that waits until something was said, and no longer."""
        return replace(self.context, deadline=1.0, clock=_UntilSaid(self.events))

    def within(self, deadline: float) -> Context:
        return replace(self.context, deadline=deadline)


class _UntilSaid(FakeClock):
    """Time stands still, and is over as soon as there is progress to tell."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = events

    def monotonic(self) -> float:
        said = any(isinstance(event, StepProgress) for event in self._events)
        return super().monotonic() + (3600.0 if said else 0.0)


def make(tmp_path: Path) -> Bench:
    """Time stands still: a context with deadline 0 looks once."""
    server, parameters = FakeServer(), Parameters()
    gitops = Gitops(tmp_path, REPO, "apps", tmp_path / "argocd")
    config = environment(tmp_path, nodes=NODES, gitops=gitops)
    made = world(config, client=lambda service: parameters, revision=lambda: COMMIT, delivers_checkout=True)
    context = made.context
    context.results.put(ClusterAccess(config.kubeconfig, server.cluster))
    context.results.put(Outputs({"kubeconfig_parameter": KUBECONFIG, "instances": INSTANCES}))
    return Bench(server, parameters, context, made.events)


def node(name: str, **changes: Any) -> Json:
    """A node as it should be."""
    (wanted,) = (entry for entry in NODES if entry.name == name)
    taints = [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in wanted.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": changes.get("labels", dict(wanted.labels))},
        "spec": {"providerID": changes.get("provider_id", INSTANCES[name]["provider_id"]), "taints": taints},
        "status": {
            "conditions": [{"type": "Ready", "status": changes.get("ready", "True"), "reason": "Kubelet"}]
        },
    }


def marker(instance: str, phase: str, message: str = "") -> str:
    """What a machine says of itself in SSM."""
    data = {"instance": instance, "phase": phase, "message": message, "time": "2025-01-01T00:00:00Z"}
    return json.dumps(data)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
