"""Runs a program that takes long: its own process group, a heartbeat, a log, and an end when cancelled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bootstrap.core.errors import Interrupted
from bootstrap.local.toolchain.work import Work

HEARTBEAT = 10.0  # seconds between progress lines
GRACE = 5.0  # seconds between SIGTERM and SIGKILL
POLL = 0.1  # seconds


@dataclass
class Output:
    """What the program has said so far: how many lines, and the last of them."""

    count: int = 0
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=40))

    @property
    def last(self) -> str:
        return self.tail[-1] if self.tail else ""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    log: Path,
    describe: Callable[[Output], str],
    work: Work,
) -> tuple[int, Output]:
    """Run `argv` to its end; its exit code and output (stdout and stderr together, also in `log`).

    `describe` turns the output so far into what a progress line says. Raises Interrupted when cancelled,
    after the whole process group has ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - narrows the type; a pipe was asked for
    output = Output()
    reader = threading.Thread(target=_read, args=(process.stdout, log, output), daemon=True)
    reader.start()
    try:
        _watch(process, lambda: describe(output), work)
    finally:
        _end_group(process)
        reader.join(GRACE)
    return process.returncode, output


def _watch(process: subprocess.Popen[str], describe: Callable[[], str], work: Work) -> None:
    start = said = work.clock.monotonic()
    while process.poll() is None:
        if work.clock.wait(POLL, work.cancel):
            cure = "run the same command again: it resumes"
            raise Interrupted(f"interrupted: {work.label or 'a build'}, {describe()}", cure=cure)
        now = work.clock.monotonic()
        if now - said >= HEARTBEAT:
            work.say(f"{describe()} ({now - start:.0f} s)")
            said = now


def _read(stream: IO[str], log: Path, output: Output) -> None:
    """Line by line, so that the log can be followed."""
    with stream, log.open("w", buffering=1, encoding="utf-8") as file:
        for line in stream:
            file.write(line)
            output.tail.append(line.rstrip("\n"))
            output.count += 1


def _end_group(process: subprocess.Popen[str]) -> None:
    """Nothing the program started may outlive it: compilers would go on using all cores."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
