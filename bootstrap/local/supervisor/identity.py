"""Identifies a process by pid and start time, because pids are reused."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Process:
    """`started` is the start time in Unix seconds, as the kernel reports it."""

    pid: int
    started: float


def this_process() -> Process:
    return Process(os.getpid(), psutil.Process().create_time())


def find(process: Process) -> psutil.Process | None:
    """The running process, or None if it has ended or another one has its pid now."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < 1.0
        if same and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None
