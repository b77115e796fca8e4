"""Ctrl-C, SIGTERM and a closed terminal: the first asks for a clean stop, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ends_soon(end: Callable[[], None], seconds: float) -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt; `end`, which ends the process, is called when that takes longer than
    `seconds`, and by a second Ctrl-C. For a command that only reads: nothing is in the middle of a change."""

    def first() -> None:
        signal.signal(signal.SIGALRM, lambda *_: end())
        signal.setitimer(signal.ITIMER_REAL, seconds)
        raise KeyboardInterrupt

    with on_interrupt(first, end, (signal.SIGINT,)):
        yield


@contextmanager
def on_interrupt(
    first: Callable[[], None], second: Callable[[], None], signals: Sequence[signal.Signals] = SIGNALS
) -> Iterator[None]:
    """Call `first`, then `second`, from the signal handler: both must be safe there (take no lock).

    A signal that is ignored (nohup) stays ignored. Only to be used in the main thread.
    """
    calls = iter((first,))

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of handlers
        next(calls, second)()

    before = {number: signal.getsignal(number) for number in signals}
    ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
