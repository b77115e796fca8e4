"""A Terraform may outlive the run that started it (see `process.py`): the next run waits for it.

Its process id is noted with its start time, since ids are used again. The notes also tell whose a state lock
is that was left behind.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bootstrap.core.errors import DeadlineError, LockedError
from bootstrap.core.files import write_private
from bootstrap.core.foreign import read_json
from bootstrap.core.limits import RECORD_BYTES
from bootstrap.core.records import record
from bootstrap.core.wait import Observation, until
from bootstrap.run.context import Context
from bootstrap.terraform.explain import Lock

PATIENCE = 120.0  # seconds for whoever only looks; what was asked to stop needs some ten
KEPT = 16  # notes
_LOCKS_WITHIN = 120.0  # seconds from its start in which Terraform takes the lock
_CLOCK = 5.0  # seconds that Terraform's clock and the kernel's start times may lie apart


@dataclass(frozen=True)
class Note:
    """A Terraform that was started: `started` is Unix seconds, as the kernel tells it."""

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, ValueError, TypeError):
            return False


def note(path: Path, pid: int) -> None:
    """Remember the process that was just started."""
    notes = [*notes_in(path), Note(pid, psutil.Process(pid).create_time())][-KEPT:]
    write_private(path, json.dumps([asdict(each) for each in notes]))


def notes_in(path: Path) -> tuple[Note, ...]:
    """What is noted there, the latest last; nothing when it cannot be read."""
    try:
        return tuple(record(Note, each) for each in read_json(path, RECORD_BYTES))
    except (OSError, ValueError, TypeError):
        return ()


def survivor(path: Path) -> int | None:
    """The id of a Terraform of ours that is still at work: noted there, or in the working copy beside.

    A run that is killed right after it has started one leaves no note of it.
    """
    noted = next((each.pid for each in reversed(notes_in(path)) if each.alive), None)
    return noted or _at_work(path.with_suffix("").resolve())


def _at_work(copy: Path) -> int | None:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            # The provider works there, too, but ends with its Terraform or has nothing more to do.
            named = [Path(word).name for word in process.cmdline()[:4]]
            terraform = any(name.startswith("terraform") for name in named)
            provider = any(name.startswith("terraform-provider") for name in named)
            if terraform and not provider and Path(process.cwd()).is_relative_to(copy):
                return process.pid
    return None


def proof_of_death(path: Path, lock: Lock) -> str:
    """Why the owner of a state lock is dead; empty when that is not certain.

    Certain is: the lock is from this user and machine, it was taken right after a Terraform noted here was
    started, and that one has ended. While it lived nobody else could take the lock.
    """
    if lock.who != whoami() or survivor(path):
        return ""
    for each in reversed(notes_in(path)):
        if -_CLOCK <= lock.created - each.started <= _LOCKS_WITHIN:
            return f"process {each.pid} of this machine, which took it, has ended"
    return ""


def whoami() -> str:
    """As Terraform signs its locks."""
    return f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


def wait_for_survivor(context: Context, path: Path, patience: float = PATIENCE) -> None:
    """Until the Terraform of an earlier run is through.

    Raises LockedError after `patience` seconds, Interrupted.
    """

    def probe() -> Observation[bool]:
        pid = survivor(path)
        return (
            Observation(None, f"process {pid} is still at work; what it does is not lost")
            if pid
            else Observation(True)
        )

    try:
        until(
            probe,
            what="terraform of an earlier run to end",
            deadline=min(patience, context.deadline),
            clock=context.clock,
            cancel=context.cancel,
            progress=context.progress,
        )
    except DeadlineError as error:
        pid = survivor(path)
        raise LockedError(
            "terraform of an earlier run is still at work",
            f"process {pid}",
            f"wait for it; to stop it: kill -INT {pid}",
        ) from error
