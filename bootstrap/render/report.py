"""What stays of a run: `report.json` for machines, and `report.html`, a page that stands alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bootstrap.core.text import duration
from bootstrap.render.view import AppView, RunView, WaveView

FORMAT = 1  # of report.json: raised when a key changes its meaning

TICKS = 8  # lines across the timeline, at most


@dataclass(frozen=True)
class Bar:
    """A line of the timeline. `left` and `width` are percent of the run."""

    label: str
    detail: str
    state: str
    took: str
    left: float
    width: float


def write(view: RunView, folder: Path) -> Path:
    """Write both reports to the run's folder; the path of the page."""
    data = json.dumps(as_data(view), ensure_ascii=False, indent=2)
    (folder / "report.json").write_text(data + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(as_html(view), encoding="utf-8")
    return page


def as_data(view: RunView) -> dict[str, Any]:
    """The report as plain data. Times are seconds since `started`, but in `order` Unix seconds."""
    end = view.end
    return {
        "version": FORMAT,
        "run": view.run,
        "command": view.command,
        "environment": view.environment,
        "target": view.target,
        "started": moment(view.started),
        "outcome": end.outcome if end else "unfinished",
        "exit_code": end.exit_code if end else None,
        "seconds": round(end.seconds, 3) if end else None,
        "error": end.error if end else "",
        "cure": end.cure if end else "",
        "steps": [asdict(step) for step in view.steps.values()],
        "waves": [_wave(wave, view) for wave in view.waves.values()],
        "order": asdict(view.order) if view.order else None,
        "nodes": dict(sorted(view.nodes.items())),
        "resources": [_without_step(asdict(resource)) for resource in view.resources],
        "sources": [asdict(source) for source in view.sources],
        "notices": list(view.notices),
    }


def as_html(view: RunView) -> str:
    """The report as a page, light or dark as the reader's system is."""
    total = span(view)
    return rendered(
        "report.html",
        report=as_data(view),
        started=moment(view.started),
        took=duration(total),
        steps=step_bars(view, total),
        waves=wave_bars(view, total),
        ticks=ticks(total),
        stuck=[app for app in view.apps.values() if app.cause and not app.good],
        changes=Counter(resource.action for resource in view.resources),
    )


def rendered(template: str, **data: object) -> str:
    """A page of `templates/`, everything in it escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only a run's end needs it

    pages = Environment(
        loader=PackageLoader("bootstrap", "templates"), autoescape=True, undefined=StrictUndefined
    )
    return pages.get_template(template).render(data)


def span(view: RunView) -> float:
    """Seconds from the start to the end, or to the last thing that was seen."""
    if view.end:
        return view.end.seconds
    ends = [step.ended or step.started or 0.0 for step in view.steps.values()]
    return max([*ends, *(wave.ended or wave.started or 0.0 for wave in view.waves.values())], default=0.0)


def step_bars(view: RunView, total: float) -> list[Bar]:
    return [
        _bar(step.name, step.message or step.title, step.state, (step.started, step.ended), total)
        for step in view.steps.values()
    ]


def wave_bars(view: RunView, total: float) -> list[Bar]:
    return [
        _bar(f"wave {wave.wave}", ", ".join(wave.apps), _wave_state(wave), (wave.started, wave.ended), total)
        for wave in view.waves.values()
    ]


def ticks(total: float) -> list[tuple[float, str]]:
    """Round moments to draw across the timeline, as (percent, label)."""
    if total <= 0:
        return []
    steps = (0.1, 0.5, 1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((each for each in steps if total / each <= TICKS), total)
    return [
        (round(100 * number * step / total, 3), duration(number * step))
        for number in range(int(total / step) + 1)
    ]


def moment(unix_seconds: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bar(label: str, detail: str, state: str, times: tuple[float | None, float | None], total: float) -> Bar:
    started, ended = times
    if started is None:
        return Bar(label, detail, state, "", 0, 0)
    seconds = (total if ended is None else ended) - started
    scale = 100 / total if total > 0 else 0
    return Bar(label, detail, state, duration(seconds), round(started * scale, 3), round(seconds * scale, 3))


def _wave_state(wave: WaveView) -> str:
    if wave.ended is not None:
        return "done"
    return "pending" if wave.started is None else "running"


def _wave(wave: WaveView, view: RunView) -> dict[str, Any]:
    apps = [asdict(view.apps.get(name, AppView(name, wave.wave))) for name in wave.apps]
    return {**asdict(wave), "state": _wave_state(wave), "apps": apps}


def _without_step(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "step"}
