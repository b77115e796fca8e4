"""Counts changes, lets others wait for the next one, and saves the state after them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class ChangeCounter:
    """A version that only grows, across restarts too: it starts with the time in milliseconds."""

    version: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> int:
        """Wait until the version exceeds `after`, at most `timeout` seconds. Returns the version."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > after, timeout)
            return self.version
