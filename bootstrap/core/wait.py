"""The one way to wait for something that cannot be watched.

Every wait has a deadline, a reason and a progress line. What can be watched is watched
(`kubernetes/informer.py`); this is for the rest: AWS APIs and processes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bootstrap.core.clock import Clock
from bootstrap.core.errors import DeadlineError, Interrupted

T = TypeVar("T")


@dataclass(frozen=True)
class Observation(Generic[T]):
    """What a probe saw: `value` is set when the wait is over, `reason` says why it is not."""

    value: T | None
    reason: str = ""


def until(
    probe: Callable[[], Observation[T]],
    *,
    what: str,
    deadline: float,
    clock: Clock,
    cancel: threading.Event,
    progress: Callable[[str], None],
    interval: float = 0.5,
    longest: float = 5.0,
    cure: str = "",
) -> T:
    """Probe until a value is there; the interval (seconds) grows by half up to `longest`.

    Raises DeadlineError after `deadline` seconds, naming the last reason, and Interrupted when cancelled.
    """
    start = clock.monotonic()
    said = ""
    while True:
        seen = probe()
        if seen.value is not None:
            return seen.value
        if seen.reason != said:
            progress(f"{what}: {seen.reason}" if seen.reason else what)
            said = seen.reason
        left = deadline - (clock.monotonic() - start)
        if left <= 0:
            raise DeadlineError(f"gave up waiting for {what} after {deadline:.0f} s", seen.reason, cure)
        if clock.wait(min(interval, left), cancel):
            raise Interrupted(f"interrupted while waiting for {what}", seen.reason)
        interval = min(interval * 1.5, longest)
