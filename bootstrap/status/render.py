"""The status as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from bootstrap.core.text import duration, plural, table
from bootstrap.status.model import AppStatus, NodeStatus, Status

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


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
