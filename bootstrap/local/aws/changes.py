"""Counts changes, lets others wait for the next one, and saves the state after them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUIET = 1.0  # seconds without a change before a dump
LONGEST = 10.0  # seconds that a change may stay unsaved while others keep coming

_log = logging.getLogger(__name__)


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


@dataclass
class Autosave:
    """Calls `dump` once changes have stopped for a moment, and at the end."""

    changes: ChangeCounter
    dump: Callable[[], None]
    quiet: float = QUIET
    longest: float = LONGEST
    _stop: threading.Event = field(default_factory=threading.Event)
    _written: int = 0

    def __post_init__(self) -> None:
        self._written = self.changes.version

    def run(self) -> None:
        """Run until `stop`. A failed dump is logged and repeated after the next change."""
        while not self._stop.is_set():
            if self.changes.wait(self._written, timeout=self.quiet) > self._written:
                self._settle()
                self.write()

    def _settle(self) -> None:
        """Wait until nothing has changed for `quiet` seconds, but not for more than `longest`."""
        for _ in range(max(1, round(self.longest / self.quiet))):
            seen = self.changes.version
            if self._stop.wait(self.quiet) or self.changes.version == seen:
                return

    def write(self) -> None:
        """Dump now, if anything has changed since the last dump."""
        version = self.changes.version
        if version == self._written:
            return
        try:
            self.dump()
        except Exception:  # a full disk or an unpicklable object must not stop AWS
            _log.exception("cannot save the state of the local AWS; the last saved state stays")
        self._written = version

    def stop(self) -> None:
        self._stop.set()
