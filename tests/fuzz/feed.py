"""Feeds one input to one target and says how it ended: well or refused, as a defect, or never."""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from bootstrap.core.errors import BootstrapError
from tests.fuzz.targets import Target

WELL, REFUSED, DEFECT, HANG = "well", "refused", "defect", "hang"
CHUNK = 1_000  # inputs after which hypothesis forgets what it has tried
SECONDS = 10.0  # after which an input counts as a hang


class Hang(BaseException):
    """An input took too long."""


@dataclass
class Tally:
    """How the inputs of a target ended; of each kind of defect, by its last place in the product, one."""

    ends: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, end: str, where: str, given_: Any) -> None:
        self.ends[end] += 1
        if where:
            self.counts[where] += 1
            self.examples.setdefault(where, given_)


def outcome(target: Target, given_: Any, folder: Path) -> tuple[str, str]:
    """How it ended, and for a defect what it was and where. Exit code 1 is one, however it comes about."""
    try:
        target.feed(given_, folder)
    except Hang:
        return HANG, f"no end after {SECONDS:g} s"
    except target.refusals as error:
        defect = isinstance(error, BootstrapError) and error.exit_code == 1
        return (DEFECT, _where(error)) if defect else (REFUSED, "")
    except Exception as error:
        return DEFECT, _where(error)
    return WELL, ""


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/bootstrap/" in frame.filename] or list(frames)
    last = ours[-1]
    return f"{type(error).__name__} in {last.filename.rpartition('/bootstrap/')[2]}:{last.lineno} {last.name}"


def fuzz(target: Target, inputs: int, number: int, check: Callable[[Any], None]) -> None:
    """Draw so many inputs, the same ones for the same `number`."""
    for first in range(0, inputs, CHUNK):

        @seed(number + first)
        @settings(
            max_examples=min(CHUNK, inputs - first),
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(target.inputs)
        def run(given_: Any) -> None:
            check(given_)

        run()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang in the main thread when that time is over."""

    def over(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
