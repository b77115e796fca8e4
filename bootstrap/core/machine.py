"""Which machine and which process is meant, across machines, containers and restarts.

A pid means something on one machine, in one boot and one pid namespace only, and only together with the
process's start. A host name alone names nothing: containers and build machines share theirs.
"""

from __future__ import annotations

import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Place:
    """Where a pid is valid. `boot` changes with every start of the machine, `pids` is the pid namespace."""

    host: str
    machine: str
    boot: str
    pids: str


def here() -> Place:
    """The place this process runs in."""
    return Place(socket.gethostname(), _machine(), _boot(), _namespace())


def started(pid: int) -> str | None:
    """A mark of the living process's start, to be compared and nothing else; None when it is gone.

    On Linux the kernel's own ticks since boot: a start time in seconds shifts when the clock is set.
    """
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        with suppress(OSError, IndexError):
            # The name stands in parentheses and may hold anything: proc(5), field 22 is the 20th after it.
            return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return str(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError):  # no process, or a number that no process has
        return None


def _machine() -> str:
    with suppress(OSError):
        if text := Path("/etc/machine-id").read_text(encoding="utf-8").strip():
            return text
    return f"{uuid.getnode():x}"


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return str(int(psutil.boot_time()))


def _namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""
