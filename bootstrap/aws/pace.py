"""Call as fast as AWS lets us, and no faster: additive increase, multiplicative decrease.

SSM takes 3 PutParameter calls a second by default, 10 with higher throughput, and says which only by
throttling (https://docs.aws.amazon.com/general/latest/gr/ssm.html). So no limit is assumed: the first
throttled call sets a rate, which then creeps up again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bootstrap.aws.errors import Throttled
from bootstrap.core.clock import Clock
from bootstrap.core.errors import Interrupted

T = TypeVar("T")

_FIRST_GAP = 0.25  # seconds between calls once throttled
_LONGEST_GAP = 8.0
_FASTER = 0.9  # the gap's factor after a call that went through


@dataclass
class Pace:
    """Not for several threads at once. `patience` is how many throttled answers in a row are borne."""

    clock: Clock
    cancel: threading.Event
    patience: int = 10
    jitter: Callable[[], float] = field(default=random.random)  # in [0, 1)
    gap: float = 0.0  # seconds between two calls

    def run(self, call: Callable[[], T]) -> T:
        """The call's result. Raises Throttled once patience is at an end, Interrupted when cancelled."""
        for left in range(self.patience, -1, -1):
            self._rest(self.gap)
            try:
                result = call()
            except Throttled as error:
                if not left:
                    raise
                self.gap = min(_LONGEST_GAP, max(2 * self.gap, _FIRST_GAP))
                # Full jitter keeps two runs on one account from hitting the limit in step.
                self._rest(max(error.delay, self.gap * (1 + self.jitter())))
            else:
                self.gap *= _FASTER
                return result
        raise AssertionError("unreachable")  # the last round returns or raises

    def _rest(self, seconds: float) -> None:
        if seconds and self.clock.wait(seconds, self.cancel):
            raise Interrupted("interrupted while AWS throttled our calls")
