"""A light environment, target and context for tests that need no AWS and no cluster."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.config.model import Environment, Gitops, Network, Node, TerraformConfig
from bootstrap.core.clock import Clock, FakeClock
from bootstrap.core.redact import Secrets
from bootstrap.core.rendering import Tools
from bootstrap.run.context import Context
from bootstrap.run.emitter import Emitter
from bootstrap.run.events import Event, Stamped
from bootstrap.run.target import Target


def environment(home: Path) -> Environment:
    """The smallest environment."""
    return Environment(
        name="dev",
        project="eco2",
        target="fake",
        region="ap-northeast-2",
        ssm_prefix="/eco2/dev",
        network=Network("10.0.0.0/16", ("10.0.0.0/24",), ("10.0.10.0/24",)),
        nodes=(Node("cp", "control-plane", "t3.large", 30, {}),),
        terraform=TerraformConfig(home / "terraform"),
        gitops=Gitops(home, "https://git.example.com/eco2/platform.git", "apps", home),
        seeds=(),
        home=home,
    )


def target(**changes: Any) -> Target:
    """A target that can do nothing; `changes` are fields of it."""
    tools = Tools(Path("terraform"), Path("helm"), Path("kustomize"))
    fields: dict[str, Any] = {
        "name": "fake",
        "tools": tools,
        "client": str,  # steps of these tests want no AWS
        "revision": lambda: "0" * 40,
    }
    return Target(**{**fields, **changes})


@dataclass
class Log:
    """A reader that keeps everything."""

    stamped: list[Stamped] = field(default_factory=list)

    def __call__(self, stamped: Stamped) -> None:
        self.stamped.append(stamped)

    @property
    def events(self) -> list[Event]:
        return [each.event for each in self.stamped]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def context(home: Path, log: Log, clock: Clock | None = None, **changes: Any) -> Context:
    """A context whose events go to `log`; `changes` are fields of the target."""
    clock = clock or FakeClock()
    secrets = Secrets()
    emit = Emitter(clock, secrets, (log,))
    return Context(
        environment(home), target(**changes), clock, emit, threading.Event(), home / "run", secrets=secrets
    )
