"""A Terraform may outlive the run that started it (see `process.py`): the next run waits for it.

Its process id is noted with its start time, since ids are used again.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil

from bootstrap.context import Context
from bootstrap.errors import DeadlineError, LockedError
from bootstrap.wait import Observation, until

PATIENCE = 120.0  # seconds; what was asked to stop needs some ten


def note(path: Path, pid: int) -> None:
    """Remember the process that was just started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()}), encoding="utf-8")


def survivor(path: Path) -> int | None:
    """The id of the process noted there, if it is still at work."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(noted["pid"])
        same = process.create_time() == noted["started"]
        return process.pid if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, TypeError, KeyError, psutil.Error):
        return None


def wait_for_survivor(context: Context, path: Path) -> None:
    """Until the Terraform of an earlier run is through. Raises LockedError after `PATIENCE`, Interrupted."""

    def probe() -> Observation[bool]:
        pid = survivor(path)
        return Observation(None, f"process {pid} is saving its state") if pid else Observation(True)

    try:
        until(
            probe,
            what="terraform of an earlier run to end",
            deadline=min(PATIENCE, context.deadline),
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
