"""What is up: asked of the world, not of a journal. `collect` looks, `render` and `encode` are pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from bootstrap.config.model import Environment
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import PermanentError, Problem, TemporaryError
from bootstrap.render.text import duration, plural, table
from bootstrap.run.folder import runs_of
from bootstrap.run.history import learn
from bootstrap.targets.base import Target

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


@dataclass(frozen=True)
class Part:
    """One thing below the cluster's applications: `state` is "up", "down" or "degraded"."""

    name: str  # API server, Terraform stack, Argo CD, ExternalSecrets, Ingresses …
    state: str
    detail: str = ""


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


def collect(config: Environment, target: Target) -> Status:
    """Look at everything that is up. Changes nothing; what cannot be reached is a part that is down."""
    seen = _cluster(config, target)
    return _with_account(seen, config, target) if target.exists() else seen


def _with_account(seen: Status, config: Environment, target: Target) -> Status:
    """What only AWS knows, where it answers."""
    from bootstrap.aws import environments, secret_age  # noqa: PLC0415 - boto3 is slow to import
    from bootstrap.aws.api import Api  # noqa: PLC0415

    try:
        api = Api(target.client("ssm"))
        record = environments.read(api, config)
        due = secret_age.due(api, config, SystemClock().now())
    except (TemporaryError, PermanentError):
        return seen
    return replace(seen, expires_at=record.expires_at if record else "", due=tuple(map(str, due)))


def _cluster(config: Environment, target: Target) -> Status:
    parts = tuple(target.parts())
    if not config.kubeconfig.exists():
        return Status(config.name, target.name, (*parts, Part("API server", "down", "no kubeconfig yet")))
    from bootstrap.kubernetes.client import Cluster  # noqa: PLC0415 - slow to import, and they need our types
    from bootstrap.kubernetes.overview import take  # noqa: PLC0415

    try:
        seen = take(Cluster.from_kubeconfig(config.kubeconfig), config, commit_of(target))
    except (TemporaryError, PermanentError) as error:
        return Status(config.name, target.name, (*parts, Part("API server", "down", str(error))))
    usual = {wave: stats.median for wave, stats in learn(runs_of(config)).waves.items()}
    return Status(
        config.name, target.name, (*parts, *seen.parts), seen.nodes, seen.apps, seen.problems, usual
    )


def commit_of(target: Target) -> str:
    """What the Applications should be at; empty when it cannot be told from here."""
    try:
        return target.revision()
    except (TemporaryError, PermanentError):
        return ""


def encode(status: Status) -> dict[str, Any]:
    """The JSON form for `--output json`."""
    return {"version": FORMAT, "up": status.up, "healthy": status.healthy, **asdict(status)}


def render(status: Status) -> str:
    """The status as text: verdict, parts, nodes, then wave by wave."""
    lines = [f"{status.environment} on {status.target}: {_verdict(status)}"]
    lines += (
        [f"expires at {status.expires_at}, then `bootstrap reap` removes it"] if status.expires_at else []
    )
    lines += table((_mark(part.state == "up"), part.name, part.state, part.detail) for part in status.parts)
    lines += _nodes(status.nodes)
    for wave, apps in groupby(
        sorted(status.apps, key=lambda app: (app.wave, app.name)), lambda app: app.wave
    ):
        lines += _wave(wave, tuple(apps), status.usual.get(wave))
    if status.due:
        lines += ["", "due: bootstrap rotate --due"] + [f"  - {secret}" for secret in status.due]
    if status.problems:
        lines += ["", "problems:"] + [f"  - {problem}" for problem in status.problems]
    return "\n".join(lines)


def _verdict(status: Status) -> str:
    if status.healthy:
        return "healthy"
    return "up, not healthy" if status.up else "down"


def _mark(good: bool) -> str:
    return "✓" if good else "✗"


def _nodes(nodes: tuple[NodeStatus, ...]) -> list[str]:
    if not nodes:
        return []
    bad = [node for node in nodes if not node.ready]
    head = f"nodes: {len(nodes) - len(bad)} of {plural(len(nodes), 'node')} ready"
    return ["", head, *table(("✗", node.name, node.reason) for node in bad)]


def _wave(wave: int, apps: Iterable[AppStatus], usual: float | None) -> list[str]:
    head = f"wave {wave}" if usual is None else f"wave {wave}, usually {duration(usual)}"
    rows = [(_mark(app.good), app.name, app.sync, app.health, app.message) for app in apps]
    return ["", head, *table(rows)]
