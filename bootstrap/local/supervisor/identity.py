"""Which process is meant: a pid alone is never trusted, it goes with the process's start time."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Process:
    """`started` is Unix seconds, as the kernel tells it."""

    pid: int
    started: float


def this_process() -> Process:
    return Process(os.getpid(), psutil.Process().create_time())


def find(process: Process) -> psutil.Process | None:
    """The living process, or None when it has ended or the pid belongs to another one by now."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < 1.0
        if same and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None
