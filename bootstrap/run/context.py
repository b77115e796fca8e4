"""What a step is given: configuration, target, time, cancellation, and the results of the steps before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bootstrap.config.model import Environment
from bootstrap.core.clock import Clock
from bootstrap.core.errors import BootstrapError
from bootstrap.core.redact import Secrets
from bootstrap.core.wait import Observation, until
from bootstrap.run.events import Emit, StepProgress
from bootstrap.run.target import Target

R = TypeVar("R")


class Results:
    """What steps returned, keyed by type: data between steps, nothing else. Safe to use from threads."""

    def __init__(self) -> None:
        self._by_type: dict[type, object] = {}
        self._lock = threading.Lock()

    def put(self, result: object) -> None:
        with self._lock:
            self._by_type[type(result)] = result

    def get(self, kind: type[R]) -> R:
        """The result of that type. KeyError means that a step's `needs` are incomplete: a defect of ours."""
        with self._lock:
            found = self._by_type[kind]
        assert isinstance(found, kind)  # noqa: S101 - narrows the type; put() keys by type
        return found

    def find(self, kind: type[R]) -> R | None:
        """The result of that type, None before there is one."""
        with self._lock:
            found = self._by_type.get(kind)
        return found if isinstance(found, kind) else None


@dataclass(frozen=True)
class Force:
    """What the user allows by a flag, since nothing proves that it is safe.

    `take_over`: the environment may be taken from the run that holds it. `unlock`: id of the Terraform state
    lock that may be broken.
    """

    take_over: bool = False
    unlock: str = ""


def _nobody_listens(error: BootstrapError) -> None:
    raise error


@dataclass(frozen=True)
class Context:
    """Bound to one step by the runner (`step`, `deadline` in seconds).

    Every value added to `secrets` is blacked out in whatever the run says from then on. What is put on
    `closing` is done when the run ends, however it ends. `abort` fails the run, from any thread, also after
    the step is done. `command` is the command line that goes on with the run. `ttl` is the lifetime that the
    user named now, such as "8h". `supplied` are the environment variables that seeds are taken from.
    """

    config: Environment
    target: Target
    clock: Clock
    emit: Emit
    cancel: threading.Event
    run_folder: Path
    results: Results = field(default_factory=Results)
    secrets: Secrets = field(default_factory=Secrets)
    step: str = ""
    deadline: float = 600.0
    closing: ExitStack = field(default_factory=ExitStack)
    abort: Callable[[BootstrapError], None] = _nobody_listens
    force: Force = field(default_factory=Force)
    command: str = ""
    ttl: str = ""
    supplied: Mapping[str, str] = field(default_factory=dict, repr=False)

    def progress(self, message: str) -> None:
        """Say what is waited for and why, or what has just been done."""
        self.emit(StepProgress(self.step, message))

    def wait(
        self, probe: Callable[[], Observation[R]], what: str, *, cure: str = "", interval: float = 0.5
    ) -> R:
        """`wait.until` with this step's deadline, clock, cancellation and progress line."""
        return until(
            probe,
            what=what,
            deadline=self.deadline,
            clock=self.clock,
            cancel=self.cancel,
            progress=self.progress,
            cure=cure,
            interval=interval,
        )
