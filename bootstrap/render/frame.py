"""One frame of the live view: `frame(view, now, width, height)` gives lines of text, never more than fit.

Where there is room everything is shown, steps and waves side by side on a wide screen. Where there is not,
what is over shrinks to one line first, then what is still to come; what goes on now is shown longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from bootstrap.core.text import duration, one_line
from bootstrap.render import view as v
from bootstrap.render.view import AppView, RunView, StepView, WaveView

WIDE = 130  # columns from which on two columns are used
LEAST = 4  # lines that a section with something in it always gets

OVER, ACTIVE, COMING = "over", "active", "coming"

_MARKS = {
    v.PENDING: ("○", "dim"),
    v.RUNNING: ("●", "cyan"),
    v.RETRYING: ("↻", "yellow"),
    v.DONE: ("✓", "green"),
    v.SATISFIED: ("✓", "green dim"),
    v.FAILED: ("✗", "red bold"),
    v.STOPPED: ("■", "yellow"),
}
_PHASES = {v.PENDING: COMING, v.RUNNING: ACTIVE, v.RETRYING: ACTIVE, v.FAILED: ACTIVE}


@dataclass(frozen=True)
class Row:
    """A line of a section and whether it is over, active or still coming."""

    phase: str
    text: Text


@dataclass(frozen=True)
class _Sections:
    head: Text
    steps: Sequence[Row]
    waves: Sequence[Row]
    nodes: Sequence[Text]


def frame(view: RunView, now: float, width: int, height: int) -> list[Text]:
    """The lines of the picture `now` seconds after the run started; at most `height` of them."""
    sections = _Sections(
        _head(view, now),
        [_step_row(step, now) for step in view.steps.values()],
        [_wave_row(wave, view, now) for wave in view.waves.values()],
        _nodes(view, width),
    )
    beside = width >= WIDE and bool(view.waves) and height - 1 - len(sections.nodes) >= LEAST
    lines = _beside(sections, width, height) if beside else _stacked(sections, height)
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[: max(height, 1)]


def _stacked(sections: _Sections, height: int) -> list[Text]:
    steps, waves, nodes = sections.steps, sections.waves, sections.nodes
    room = height - 1
    title = 1 if waves else 0
    if len(steps) + title + len(waves) + len(nodes) > room:
        nodes = nodes[:1]
    for_waves = min(title + len(waves), max(LEAST, room // 2))
    top = fit(steps, max(room - for_waves - len(nodes), LEAST)) if steps else []
    left = room - len(top) - len(nodes) - title
    rest = fit(waves, left) if waves and left > 0 else []
    return [sections.head, *top, *([Text("waves", style="bold")] if rest else []), *rest, *nodes]


def _beside(sections: _Sections, width: int, height: int) -> list[Text]:
    room = height - 1 - len(sections.nodes)
    left, right = fit(sections.steps, room), fit(sections.waves, room)
    half = width // 2 - 1
    lines = []
    for number in range(max(len(left), len(right))):
        line = left[number].copy() if number < len(left) else Text()
        line.truncate(half, overflow="ellipsis", pad=True)
        lines.append(line.append("  ").append_text(right[number] if number < len(right) else Text()))
    return [sections.head, *lines, *sections.nodes]


def fit(rows: Sequence[Row], room: int) -> list[Text]:
    """The rows in at most `room` lines (but never fewer than one)."""
    kept = list(rows)
    for phase, mark, noun in ((OVER, "✓", "done"), (COMING, "○", "to come")):
        if len(kept) > room:
            kept = _collapsed(kept, phase, f"  {mark} {{}} {noun}")
    room = max(room, 1)
    if len(kept) > room:
        more = len(kept) - room + 1
        kept = [*kept[: room - 1], Row(ACTIVE, Text(f"  … and {more} more", style="dim"))]
    return [row.text for row in kept]


def _collapsed(rows: Sequence[Row], phase: str, told: str) -> list[Row]:
    """One row in place of all of a phase, where the first of them stood."""
    count = sum(row.phase == phase for row in rows)
    if count < 2:
        return list(rows)
    kept: list[Row] = []
    for row in rows:
        if row.phase != phase:
            kept.append(row)
        elif count:
            kept.append(Row(phase, Text(told.format(count), style="dim")))
            count = 0
    return kept


def _head(view: RunView, now: float) -> Text:
    text = Text(f"bootstrap {view.command}", style="bold")
    text.append(f"  {view.environment} on {view.target}", style="not bold")
    elapsed = view.end.seconds if view.end else now
    text.append(f"  {duration(elapsed)}", style="cyan not bold")
    done = sum(step.state in {v.DONE, v.SATISFIED} for step in view.steps.values())
    text.append(f"  {done}/{len(view.steps)} steps", style="dim not bold")
    if view.waves:
        healthy = sum(wave.ended is not None for wave in view.waves.values())
        text.append(f"  {healthy}/{len(view.waves)} waves", style="dim not bold")
    if left := v.left(view, now):
        text.append(f"  about {duration(left)} left", style="dim not bold")
    if view.stopping and not view.end:
        text.append(f"  stopping: {view.stopping}", style="yellow")
    return text


def _step_row(step: StepView, now: float) -> Row:
    mark, style = _MARKS[step.state]
    took = (
        "" if step.started is None else duration((now if step.ended is None else step.ended) - step.started)
    )
    text = Text("  ")
    text.append(mark, style=style)
    text.append(f" {step.name:<11}", style="dim" if step.state == v.PENDING else "")
    text.append(f" {took:>6}", style="cyan")
    said = one_line(step.message) or step.title
    loud = {v.FAILED: "red", v.RETRYING: "yellow", v.RUNNING: ""}
    text.append(f"  {said}", style=loud.get(step.state, "dim"))
    return Row(_PHASES.get(step.state, OVER), text)


def _wave_row(wave: WaveView, view: RunView, now: float) -> Row:
    state = v.PENDING if wave.started is None else v.RUNNING if wave.ended is None else v.DONE
    mark, style = _MARKS[state]
    took = (
        "" if wave.started is None else duration((now if wave.ended is None else wave.ended) - wave.started)
    )
    apps = [view.apps.get(name, AppView(name, wave.wave)) for name in wave.apps]
    text = Text("  ")
    text.append(mark, style=style)
    text.append(f" {wave.wave:>3}", style="dim" if state == v.PENDING else "bold")
    text.append(f" {took:>6}", style="cyan")
    if state == v.RUNNING and wave.usual is not None:
        text.append(f" usually {duration(wave.usual)}", style="dim")
    told = _apps_now(apps) if state == v.RUNNING else ", ".join(wave.apps)
    text.append(f"  {told}", style="" if state == v.RUNNING else "dim")
    return Row(_PHASES.get(state, OVER), text)


def _apps_now(apps: Sequence[AppView]) -> str:
    """The apps a running wave still waits for, each with its state and reason."""
    waiting = [app for app in apps if not app.good] or list(apps)
    states = []
    for app in waiting:
        state = ", ".join(part for part in (app.sync, app.health) if part) or "not there yet"
        why = one_line(app.cause or app.message)
        states.append(f"{app.name} {state}" + (f": {why}" if why else ""))
    ready = f"{len(apps) - len(waiting)}/{len(apps)} healthy, " if 1 < len(apps) != len(waiting) else ""
    return ready + "; ".join(states)


def _nodes(view: RunView, width: int) -> list[Text]:
    """A head line, then all nodes in a grid; the head alone names those that are not ready."""
    if not view.nodes:
        return []
    bad = {name: state for name, state in view.nodes.items() if state != "ready"}
    head = Text("nodes", style="bold")
    head.append(f" {len(view.nodes) - len(bad)}/{len(view.nodes)} ready", style="not bold")
    for name, state in bad.items():
        head.append(f"  {name}: {one_line(state)}", style="yellow not bold")
    cell = max(map(len, view.nodes)) + 4
    across = max((width - 2) // cell, 1)
    cells = [_node_cell(name, state, cell) for name, state in sorted(view.nodes.items())]
    rows = [cells[start : start + across] for start in range(0, len(cells), across)]
    return [head, *(Text("  ").append_text(Text().join(row)) for row in rows)]


def _node_cell(name: str, state: str, width: int) -> Text:
    mark, style = _MARKS[v.DONE if state == "ready" else v.RUNNING]
    return Text(mark, style=style).append(
        f" {name:<{width - 2}}", style="none" if state == "ready" else "yellow"
    )
