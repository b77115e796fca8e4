"""Ctrl-C, SIGTERM and a closed terminal: the first asks for a clean stop, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def on_interrupt(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first`, then `second`, from the signal handler: both must be safe there (take no lock).

    A signal that is ignored (nohup) stays ignored. Only to be used in the main thread.
    """
    calls = iter((first,))

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        next(calls, second)()

    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
