"""Run one program, follow what it says while it goes on, and stop it politely.

Its output goes to a file that is read along, not to a pipe: so Terraform outlives us. When this process
is killed, a pipe would break and take Terraform with it in the middle of an apply, state unwritten and lock
held.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

from bootstrap.core.clock import Clock

PATIENCE = 15.0  # seconds between one way to stop a program that is to end and the next, harder one
TICK = 0.1  # seconds between looks at the file
PRIVATE = 0o077  # umask: plans and logs are for the user alone


@dataclass(frozen=True)
class Command:
    """A program to run. Its own session keeps the terminal's Ctrl-C away: only we pass that on, once."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()  # open files it inherits


@dataclass(frozen=True)
class Ended:
    """`interrupted`: it was asked to stop (and may have finished all the same, see `code`).

    `given_up`: it was told to stop because its listener had heard enough.
    """

    code: int
    interrupted: bool
    given_up: bool = False


@dataclass(frozen=True)
class Listener:
    """What hears of a program: `started` its process id, `line` each line as it comes.

    `enough` is asked every now and then whether the program is to be stopped.
    """

    line: Callable[[str], None]
    started: Callable[[int], None] = lambda pid: None  # noqa: ARG005 - most do not care
    enough: Callable[[], bool] = lambda: False


def follow(command: Command, log: Path, listener: Listener, clock: Clock, cancel: threading.Event) -> Ended:
    """Run to the end, appending what it says to `log` and telling the listener.

    When `cancel` is set the program gets one SIGINT and all the time it needs: Terraform then stops starting
    things, waits for what it began and saves its state. Raises FileNotFoundError without the program.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _private(log) as sink:
        start = sink.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            list(command.arguments),
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=PRIVATE,
            pass_fds=command.descriptors,
        )
    with log.open(encoding="utf-8", errors="replace") as source:
        source.seek(start)
        try:
            listener.started(process.pid)
            return _watch(process, _Lines(source), listener, clock, cancel)
        except BaseException:
            # A defect of ours must not leave Terraform at work unseen.
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def capture(command: Command, deadline: float) -> subprocess.CompletedProcess[str]:
    """Run something short, return what it said. Raises TimeoutExpired after `deadline` seconds."""
    return subprocess.run(
        list(command.arguments),
        cwd=command.folder,
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=deadline,
        start_new_session=True,
        umask=PRIVATE,
        check=False,
    )


def _watch(
    process: subprocess.Popen[bytes],
    lines: _Lines,
    listener: Listener,
    clock: Clock,
    cancel: threading.Event,
) -> Ended:
    asked = False
    never = threading.Event()
    insist: Iterator[None] | None = None
    while True:
        # Asked first, read second: what was written before the end is still read.
        code = process.poll()
        for line in lines.complete():
            listener.line(line)
        if code is not None:
            if rest := lines.rest():
                listener.line(rest)
            return Ended(code, asked, insist is not None)
        if insist is None and not asked and listener.enough():
            insist = _insist(process, clock)
        if insist is not None:
            next(insist)
        if clock.wait(TICK, never if asked else cancel):
            process.send_signal(signal.SIGINT)
            asked = True


def _insist(process: subprocess.Popen[bytes], clock: Clock) -> Iterator[None]:
    """Stop a program that may be deaf: the provider does not hear a SIGINT while it waits to try again.

    Without its provider Terraform takes what is under way for failed, and saves its state as always; a second
    SIGINT would lose that. Never ends by itself.
    """
    for stop in (_ask, _kill_children, _kill_all):
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            stop(process.pid)
        start = clock.monotonic()
        while clock.monotonic() - start < PATIENCE:
            yield
    while True:
        yield


def _ask(pid: int) -> None:
    os.kill(pid, signal.SIGINT)


def _kill_children(pid: int) -> None:
    for child in psutil.Process(pid).children(recursive=True):
        child.kill()


def _kill_all(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


class _Lines:
    """Whole lines of a file that still grows."""

    def __init__(self, source: TextIO) -> None:
        self._source, self._partial = source, ""

    def complete(self) -> Iterator[str]:
        *whole, self._partial = (self._partial + self._source.read()).split("\n")
        yield from whole

    def rest(self) -> str:
        """What stands after the last line break."""
        return self._partial


def _private(path: Path) -> TextIO:
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
