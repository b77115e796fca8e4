"""What is up, as data: what `collect` finds, and `render` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.core.errors import Problem
from bootstrap.run.target import Part


@dataclass(frozen=True)
class NodeStatus:
    """A node as the cluster tells it; `reason` says why it is not ready or what has drifted."""

    name: str
    ready: bool
    reason: str = ""


@dataclass(frozen=True)
class AppStatus:
    """An Application, compared against `revision`; `message` is what Argo CD says about its trouble."""

    name: str
    wave: int
    sync: str
    health: str
    revision: str = ""
    message: str = ""

    @property
    def good(self) -> bool:
        return self.sync == "Synced" and self.health == "Healthy"


@dataclass(frozen=True)
class Status:
    """`problems` are what keeps the environment from being healthy, each with its cure; `usual` are the
    seconds that waves took in earlier runs. `expires_at` is RFC 3339, empty for what stays; `due` are secrets
    to be rotated, in words."""

    environment: str
    target: str
    parts: tuple[Part, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()
    apps: tuple[AppStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    usual: Mapping[int, float] = field(default_factory=dict)
    expires_at: str = ""
    due: tuple[str, ...] = ()

    @property
    def up(self) -> bool:
        """Whether anything of the environment exists."""
        return any(part.state != "down" for part in self.parts) or bool(self.nodes or self.apps)

    @property
    def healthy(self) -> bool:
        parts = all(part.state == "up" for part in self.parts)
        members = all(node.ready for node in self.nodes) and all(app.good for app in self.apps)
        return bool(self.apps) and parts and members and not self.problems
