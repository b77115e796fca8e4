"""Time as a dependency, so that waits are tested without waiting."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """`now()` is wall time (Unix seconds), `monotonic()` never jumps, `wait()` sleeps until cancelled."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        """Wait up to `seconds`; True at once when `cancel` is set."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        return cancel.wait(seconds)


class FakeClock:
    """A clock for tests: waiting advances it at once."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = self._now = start

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._start

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        self._now += seconds
        return cancel.is_set()
