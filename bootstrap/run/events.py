"""What a run says while it goes on: one stream, read by the terminal, the report and the event log.

Events are plain data. `encode` is the JSON-lines form written to `events.jsonl` and printed by
`--output json`; its keys are part of the interface: fields are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class PlannedStep:
    """A step as announced before anything is touched. `deadline` in seconds."""

    name: str
    title: str
    needs: tuple[str, ...]
    deadline: float


@dataclass(frozen=True)
class Event:
    """Base. The emitter stamps the time when it passes the event on (see `Stamped`)."""

    type: ClassVar[str] = "event"


@dataclass(frozen=True)
class RunStarted(Event):
    type: ClassVar[str] = "run_started"
    run: str
    command: str
    environment: str
    target: str
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True)
class StepStarted(Event):
    type: ClassVar[str] = "step_started"
    step: str
    attempt: int = 1


@dataclass(frozen=True)
class StepProgress(Event):
    """What the step waits for and why, or what it has just done."""

    type: ClassVar[str] = "step_progress"
    step: str
    message: str


@dataclass(frozen=True)
class StepRetry(Event):
    """The step failed in a way that may pass; it is tried again in `delay` seconds."""

    type: ClassVar[str] = "step_retry"
    step: str
    attempt: int
    delay: float
    error: str


@dataclass(frozen=True)
class StepFinished(Event):
    """`satisfied`: the world was asked and nothing had to be done. `summary` is one line for people."""

    type: ClassVar[str] = "step_finished"
    step: str
    summary: str = ""
    satisfied: bool = False


@dataclass(frozen=True)
class StepFailed(Event):
    type: ClassVar[str] = "step_failed"
    step: str
    error: str
    cure: str = ""


@dataclass(frozen=True)
class StepStopped(Event):
    """The step was told to stop before it was done; `reason` says by whom. What it had done stays done."""

    type: ClassVar[str] = "step_stopped"
    step: str
    reason: str


@dataclass(frozen=True)
class ResourceChanged(Event):
    """A cloud resource was made, changed or removed. `action`: create, update, delete, import."""

    type: ClassVar[str] = "resource_changed"
    step: str
    action: str
    resource: str
    seconds: float


@dataclass(frozen=True)
class ResourceKept(Event):
    """A resource of the environment that `down` leaves in place on purpose."""

    type: ClassVar[str] = "resource_kept"
    step: str
    resource: str
    reason: str


@dataclass(frozen=True)
class ResourceLeft(Event):
    """A resource that `down` could not or must not remove. `cure` is a command to type, if there is one."""

    type: ClassVar[str] = "resource_left"
    step: str
    resource: str
    reason: str
    cure: str = ""


@dataclass(frozen=True)
class NodeSeen(Event):
    """A node's state as the cluster tells it: `state` is "ready" or the reason why it is not."""

    type: ClassVar[str] = "node_seen"
    node: str
    state: str


@dataclass(frozen=True)
class WavesPlanned(Event):
    """The waves and their members, before the first of them begins."""

    type: ClassVar[str] = "waves_planned"
    waves: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True)
class AppSeen(Event):
    """An Application's state changed. `place` tells more than `wave`: nested "10/2", "60 step 1"."""

    type: ClassVar[str] = "app_seen"
    wave: int
    app: str
    sync: str
    health: str
    message: str = ""
    place: str = ""


@dataclass(frozen=True)
class WaveStarted(Event):
    """`usual`: seconds that this wave took in earlier runs; `left`: about how many until all is up. None: not
    known."""

    type: ClassVar[str] = "wave_started"
    wave: int
    apps: tuple[str, ...]
    usual: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class WaveFinished(Event):
    """Every Application of the wave is Synced and Healthy. `seconds` since the wave started."""

    type: ClassVar[str] = "wave_finished"
    wave: int
    seconds: float


@dataclass(frozen=True)
class Diagnosed(Event):
    """Why an Application is not getting on, told when it is seen first.

    `cause` is the cause's id, `outlook` whether waiting helps, `chain` leads from the Application down to the
    object that shows it, `reason` is what that one says, `command` the next one to type. `wave` is None for
    the root Application.
    """

    type: ClassVar[str] = "diagnosed"
    wave: int | None
    app: str
    cause: str
    outlook: str
    chain: tuple[str, ...]
    reason: str
    command: str


@dataclass(frozen=True)
class AppTimes:
    """When an Application was created and became Healthy (Unix seconds); `exact`: for the first time."""

    app: str
    wave: int
    created: float
    healthy: float
    exact: bool


@dataclass(frozen=True)
class WaveOrderJudged(Event):
    """Whether the cluster's own timestamps prove that waves came one after the other.

    `violations` are proven to be out of order; `unproven` cannot be judged any more; `apps` is the evidence.
    """

    type: ClassVar[str] = "wave_order_judged"
    proven: bool
    violations: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    apps: tuple[AppTimes, ...] = ()


@dataclass(frozen=True)
class SmokeChecked(Event):
    """A check of the users' own was made. `output`: the end of what it said, when it failed."""

    type: ClassVar[str] = "smoke_checked"
    name: str
    passed: bool
    seconds: float
    output: str = ""


@dataclass(frozen=True)
class Notice(Event):
    """Something the user should know: an uncommitted change is rehearsed, a chart is a stand-in …"""

    type: ClassVar[str] = "notice"
    message: str


@dataclass(frozen=True)
class SourceServed(Event):
    """Where a chart or file came from: `origin` is upstream, cache or stand-in."""

    type: ClassVar[str] = "source_served"
    source: str
    version: str
    origin: str


@dataclass(frozen=True)
class RunStopping(Event):
    """Nothing new is started; what is running has been asked to stop."""

    type: ClassVar[str] = "run_stopping"
    reason: str


@dataclass(frozen=True)
class RunFinished(Event):
    type: ClassVar[str] = "run_finished"
    outcome: str  # succeeded, failed, interrupted
    exit_code: int
    seconds: float
    error: str = ""
    cure: str = ""


@dataclass(frozen=True)
class Stamped:
    """An event and when it was emitted: `time` is Unix seconds, `elapsed` seconds since the run started."""

    time: float
    elapsed: float
    event: Event


Emit = Callable[[Event], None]
Reader = Callable[[Stamped], None]


def encode(stamped: Stamped) -> dict[str, Any]:
    """The JSON form: type, time, elapsed, then the event's own fields."""
    return {
        "type": stamped.event.type,
        "time": round(stamped.time, 3),
        "elapsed": round(stamped.elapsed, 3),
        **asdict(stamped.event),
    }
