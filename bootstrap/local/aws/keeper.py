"""Writes the state to disk when it has changed and then been quiet for a moment, and once at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.local.aws.changes import ChangeCounter

QUIET = 1.0  # seconds without a change before a dump
LONGEST = 10.0  # seconds that a change may stay unwritten while others keep coming

_log = logging.getLogger(__name__)


@dataclass
class Autosave:
    """`dump` writes everything as it is now."""

    changes: ChangeCounter
    dump: Callable[[], None]
    quiet: float = QUIET
    longest: float = LONGEST
    _stop: threading.Event = field(default_factory=threading.Event)
    _written: int = 0

    def __post_init__(self) -> None:
        self._written = self.changes.version

    def run(self) -> None:
        """Until `stop`. A dump that fails is logged and tried again with the next change."""
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
        """Dump now, if anything has changed since the last time."""
        version = self.changes.version
        if version == self._written:
            return
        try:
            self.dump()
        except Exception:  # a full disk, an object that cannot be pickled: AWS goes on without
            _log.exception("could not write the state of the local AWS; what is written last stays")
        self._written = version

    def stop(self) -> None:
        self._stop.set()
