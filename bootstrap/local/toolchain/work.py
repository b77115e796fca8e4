"""What everything that takes long is given: time, cancellation, and somebody to tell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.core.clock import Clock, SystemClock


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """`label` begins each progress line."""

    clock: Clock = field(default_factory=SystemClock)
    cancel: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[str], None] = _silent
    label: str = ""

    def say(self, message: str) -> None:
        self.progress(f"{self.label}: {message}" if self.label else message)
