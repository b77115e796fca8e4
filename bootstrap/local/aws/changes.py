"""Counts what was changed, and lets others wait for the next change."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class ChangeCounter:
    """A version that only grows, also over restarts: it starts at the time in milliseconds."""

    version: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> int:
        """The version, as soon as it is over `after`, at the latest in `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > after, timeout)
            return self.version
