"""One builder at a time: a file lock that names its owner and dies with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bootstrap.core.errors import Interrupted
from bootstrap.core.lock import acquire
from bootstrap.local.toolchain.work import Work

POLL = 0.3  # seconds
HEARTBEAT = 10.0  # seconds


@contextmanager
def held(path: Path, what: str, work: Work) -> Iterator[None]:
    """Hold the lock on `path`, waiting for its owner to let go and saying who that is.

    The kernel drops the lock when its owner dies, so a stale one cannot exist and there is no deadline.
    Raises Interrupted when cancelled.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Appending: opening must not wipe the owner's name. Python opens close-on-exec: children do not keep it.
    with path.open("a+") as file:
        _acquire(file, what, work)
        _sign(file, work.clock.now())
        try:
            yield
        finally:
            file.truncate(0)


def _acquire(file: TextIO, what: str, work: Work) -> None:
    said: float | None = None
    while not acquire(file):
        now = work.clock.monotonic()
        if said is None or now - said >= HEARTBEAT:
            work.say(f"waiting: {owner(file, work.clock.now())} is making it")
            said = now
        if work.clock.wait(POLL, work.cancel):
            raise Interrupted(f"interrupted while waiting for {what}", cure="run the same command again")


def _sign(file: TextIO, now: float) -> None:
    file.truncate(0)
    json.dump({"pid": os.getpid(), "folder": str(Path.cwd()), "since": now}, file)
    file.flush()


def owner(file: TextIO, now: float) -> str:
    """Who holds the lock, for people. The owner may be just about to sign."""
    file.seek(0)
    try:
        signed = json.loads(file.read())
        minutes, seconds = divmod(int(now - signed["since"]), 60)
        return f"process {signed['pid']} in {signed['folder']} (for {minutes} min {seconds:02d} s)"
    except (ValueError, KeyError, TypeError):
        return "another process"
