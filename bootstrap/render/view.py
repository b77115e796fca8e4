"""A run as one picture, folded from its events: `see(view, event) -> view`, pure.

The live view, the summary and the report all show this picture, so they cannot contradict each other.
All times are seconds since the run started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bootstrap.run import events as ev

K = TypeVar("K")
V = TypeVar("V")

PENDING, RUNNING, RETRYING = "pending", "running", "retrying"
DONE, SATISFIED, FAILED, STOPPED = "done", "satisfied", "failed", "stopped"
OVER = frozenset({DONE, SATISFIED, FAILED, STOPPED})


@dataclass(frozen=True)
class StepView:
    """`message` is the newest thing the step said: what it waits for, its summary, or its error."""

    name: str
    title: str
    needs: tuple[str, ...] = ()
    state: str = PENDING
    started: float | None = None
    ended: float | None = None
    attempt: int = 1
    message: str = ""
    cure: str = ""


@dataclass(frozen=True)
class AppView:
    """An Application; `healthy` is when it was first seen Synced and Healthy.

    `place` is its wave, with those above and the step of a RollingSync ("10/2"); `cause` says why it is not
    getting on and `command` what to type then, as long as it is not good.
    """

    name: str
    wave: int
    sync: str = ""
    health: str = ""
    message: str = ""
    healthy: float | None = None
    place: str = ""
    cause: str = ""
    command: str = ""

    @property
    def good(self) -> bool:
        return self.sync == "Synced" and self.health == "Healthy"


@dataclass(frozen=True)
class WaveView:
    """`usual`: seconds it took in earlier runs; `left`: about how many were left for all when it started."""

    wave: int
    apps: tuple[str, ...]
    started: float | None = None
    ended: float | None = None
    usual: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class RunView:
    """Everything known so far; `started` is Unix seconds, `end` is set when the run is over."""

    run: str = ""
    command: str = ""
    environment: str = ""
    target: str = ""
    started: float = 0.0
    steps: Mapping[str, StepView] = field(default_factory=dict)
    waves: Mapping[int, WaveView] = field(default_factory=dict)
    apps: Mapping[str, AppView] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[ev.ResourceChanged, ...] = ()
    kept: tuple[ev.ResourceKept, ...] = ()
    left: tuple[ev.ResourceLeft, ...] = ()
    order: ev.WaveOrderJudged | None = None
    smoke: tuple[ev.SmokeChecked, ...] = ()
    notices: tuple[str, ...] = ()
    sources: tuple[ev.SourceServed, ...] = ()
    stopping: str = ""
    end: ev.RunFinished | None = None


def see(view: RunView, stamped: ev.Stamped) -> RunView:
    """The picture after this event. Events it does not know leave it as it is."""
    event, now = stamped.event, stamped.elapsed
    if isinstance(event, ev.RunStarted):
        return _begin(event, stamped.time)
    step = _see_step(view, event, now)
    if step is not None:
        return replace(view, steps=_put(view.steps, step.name, step))
    wave = _see_wave(view, event, now)
    if wave is not None:
        view = replace(view, waves=_sorted({**view.waves, wave.wave: wave}))
    return _see_rest(view, event, now)


def _begin(event: ev.RunStarted, time: float) -> RunView:
    steps = {step.name: StepView(step.name, step.title, step.needs) for step in event.steps}
    return RunView(event.run, event.command, event.environment, event.target, time, steps)


def _see_step(view: RunView, event: ev.Event, now: float) -> StepView | None:
    """The step that the event is about, as it is now."""
    match event:
        case ev.StepStarted(name, attempt):
            step = _step(view, name)
            started = now if step.started is None else step.started
            return replace(step, state=RUNNING, started=started, attempt=attempt)
        case ev.StepProgress(name, message):
            return replace(_step(view, name), message=message)
        case ev.StepRetry(name, _, delay, error):
            message = f"{error} (will try again in {delay:.0f} s)"
            return replace(_step(view, name), state=RETRYING, message=message)
    return _see_end(view, event, now)


def _see_end(view: RunView, event: ev.Event, now: float) -> StepView | None:
    match event:
        case ev.StepFinished(name, summary, satisfied):
            step = _step(view, name)
            state = SATISFIED if satisfied else DONE
            return replace(step, state=state, ended=now, message=summary or step.message)
        case ev.StepFailed(name, error, cure):
            return replace(_step(view, name), state=FAILED, ended=now, message=error, cure=cure)
        case ev.StepStopped(name, reason):
            return replace(_step(view, name), state=STOPPED, ended=now, message=f"stopped: {reason}")
    return None


def _see_wave(view: RunView, event: ev.Event, now: float) -> WaveView | None:
    """The wave that the event is about, as it is now."""
    match event:
        case ev.WaveStarted(number, apps, usual, left):
            return WaveView(number, apps, now, usual=usual, left=left)
        case ev.WaveFinished(number, seconds):
            wave = view.waves.get(number, WaveView(number, ()))
            started = max(now - seconds, 0.0) if wave.started is None else wave.started
            return replace(wave, started=started, ended=now)
        case ev.AppSeen(number, app) if number in view.waves and app not in view.waves[number].apps:
            return replace(view.waves[number], apps=(*view.waves[number].apps, app))
    return None


def _see_rest(view: RunView, event: ev.Event, now: float) -> RunView:
    match event:
        case ev.WavesPlanned(waves):
            planned = {number: WaveView(number, apps) for number, apps in waves}
            begun = {number: wave for number, wave in view.waves.items() if wave.started is not None}
            view = replace(view, waves=_sorted({**planned, **begun}))
        case ev.AppSeen():
            view = replace(view, apps=_put(view.apps, event.app, _app(view.apps.get(event.app), event, now)))
        case ev.Diagnosed(wave, app, cause, outlook, chain, reason, command):
            known = view.apps.get(app, AppView(app, wave or 0))
            told = f"{outlook}: {': '.join(filter(None, (*chain[-1:], reason)))} ({cause})"
            view = replace(view, apps=_put(view.apps, app, replace(known, cause=told, command=command)))
        case ev.NodeSeen(node, state):
            view = replace(view, nodes=_put(view.nodes, node, state))
        case ev.Notice(message) if message not in view.notices:
            view = replace(view, notices=(*view.notices, message))
        case ev.RunStopping(reason):
            view = replace(view, stopping=reason)
        case ev.RunFinished():
            view = replace(view, end=event)
    return _see_found(view, event)


def _see_found(view: RunView, event: ev.Event) -> RunView:
    """What a step found or did outside of waves, kept as it is."""
    match event:
        case ev.ResourceChanged():
            view = replace(view, resources=(*view.resources, event))
        case ev.WaveOrderJudged():
            view = replace(view, order=event)
        case ev.SmokeChecked():
            view = replace(view, smoke=(*view.smoke, event))
        case ev.ResourceKept() if event not in view.kept:
            view = replace(view, kept=(*view.kept, event))
        case ev.ResourceLeft() if event not in view.left:
            view = replace(view, left=(*view.left, event))
        case ev.SourceServed() if event not in view.sources:
            view = replace(view, sources=(*view.sources, event))
    return view


def left(view: RunView, now: float) -> float | None:
    """About how many seconds the run still takes, told by earlier runs; None when not known."""
    running = [wave for wave in view.waves.values() if wave.started is not None]
    newest = max(running, key=lambda wave: wave.started or 0.0, default=None)
    if view.end or newest is None or newest.left is None:
        return None
    gone = now - (newest.started or 0.0)
    return max(newest.left - min(gone, newest.usual or gone), 0.0)


def _app(known: AppView | None, event: ev.AppSeen, now: float) -> AppView:
    """The first time it was good is kept: that is when its wave went on."""
    app = AppView(event.app, event.wave, event.sync, event.health, event.message, place=event.place)
    if known and not app.good:
        app = replace(app, cause=known.cause, command=known.command)
    if known and known.healthy is not None:
        return replace(app, healthy=known.healthy)
    return replace(app, healthy=now) if app.good else app


def _step(view: RunView, name: str) -> StepView:
    return view.steps.get(name, StepView(name, name))


def _sorted(waves: Mapping[int, WaveView]) -> Mapping[int, WaveView]:
    return dict(sorted(waves.items()))


def _put(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return {**mapping, key: value}
