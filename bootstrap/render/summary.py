"""The last words of a run: what is up, how long it took, where the report lies, what to type next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bootstrap.core.text import duration, plural
from bootstrap.render.view import DONE, FAILED, PENDING, SATISFIED, STOPPED, RunView


def summary(view: RunView, report: Path | None, following: Sequence[str]) -> list[str]:
    """Lines for people. `following` are commands worth typing next after a success."""
    if view.end is None:
        return []
    lines = [_verdict(view)]
    lines += [f"  note: {notice}" for notice in view.notices]
    lines += _stand_ins(view)
    if view.end.outcome == "succeeded":
        lines += [f"  next: {command}" for command in following]
    else:
        lines += _failures(view)
    if report is not None:
        lines.append(f"  report: {report}")
    return lines


def _verdict(view: RunView) -> str:
    end = view.end
    assert end is not None  # noqa: S101 - narrows the type; the caller has looked
    took = duration(end.seconds)
    if end.outcome != "succeeded":
        done = sum(step.state in {DONE, SATISFIED} for step in view.steps.values())
        what = f"{view.command} {end.outcome} after {took}, {done} of {plural(len(view.steps), 'step')} done"
        return f"✗ {view.environment} on {view.target}: {what} (exit code {end.exit_code})"
    if view.command == "down":
        return f"✓ {view.environment} on {view.target} is gone, in {took}"
    if view.command == "backup":
        return f"✓ {view.environment} on {view.target} is backed up, in {took}"
    facts = ", ".join(_facts(view))
    return f"✓ {view.environment} on {view.target} is {view.command} in {took}{': ' + facts if facts else ''}"


def _facts(view: RunView) -> list[str]:
    facts = []
    if view.nodes:
        facts.append(f"{plural(len(view.nodes), 'node')} ready")
    if view.waves:
        apps = len(view.apps) or sum(len(wave.apps) for wave in view.waves.values())
        facts.append(f"{plural(len(view.waves), 'wave')} with {plural(apps, 'application')} healthy")
    if view.resources:
        facts.append(f"{plural(len(view.resources), 'cloud resource')} changed")
    return facts


def _stand_ins(view: RunView) -> list[str]:
    """What was not the real thing must be said wherever success is claimed."""
    origins = Counter(source.origin for source in view.sources)
    if not origins["stand-in"]:
        return []
    names = sorted(
        {source.source.rpartition("/")[2] for source in view.sources if source.origin == "stand-in"}
    )
    return [f"  stand-ins: {', '.join(names)} could not be fetched, so stand-ins took their place"]


def _failures(view: RunView) -> list[str]:
    lines = []
    for step in view.steps.values():
        if step.state == FAILED:
            first, *rest = step.message.splitlines() or [""]
            lines += [f"  {step.name}: {first}", *(f"    {line}" for line in rest)]
            lines += [f"    cure: {line}" for line in step.cure.splitlines()]
    stopped = [step.name for step in view.steps.values() if step.state == STOPPED]
    waiting = [step.name for step in view.steps.values() if step.state == PENDING]
    if stopped:
        lines.append(f"  stopped on the way: {', '.join(stopped)}")
    if waiting:
        lines.append(f"  not started: {', '.join(waiting)}")
    told = {line for step in view.steps.values() for line in step.cure.splitlines()}
    if view.end:
        lines += [f"  {line}" for line in view.end.cure.splitlines() if line not in told]
    return lines
