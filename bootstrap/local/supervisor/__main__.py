"""`python -m bootstrap.local.supervisor --state FOLDER`: start the daemon of the platform at FOLDER.

Returns at once. A second supervisor of the same platform exits. SIGTERM stops everything, in
reverse order.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from pathlib import Path
from typing import IO

from bootstrap.core.clock import SystemClock
from bootstrap.core.lock import acquire
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.daemon import Supervisor
from bootstrap.local.supervisor.probe import answers
from bootstrap.local.supervisor.process import Processes


def main() -> None:
    parser = argparse.ArgumentParser(prog="bootstrap.local.supervisor")
    parser.add_argument("--state", type=Path, required=True)
    layout = StateLayout(parser.parse_args().state)
    layout.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    _detach(layout.log("supervisor"))
    lock = _lock(layout.lock)
    if lock is None:
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Supervisor(layout, Processes(layout), answers, SystemClock()).run(stop)


def _detach(log: Path) -> None:
    """Leave the caller's session and terminal by forking twice."""
    for detach in (os.setsid, lambda: None):
        if os.fork():
            os._exit(0)
        detach()
    with log.open("ab") as out, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)


def _lock(file: Path) -> IO[bytes] | None:
    lock = file.open("ab")
    if acquire(lock):
        return lock
    lock.close()
    return None


if __name__ == "__main__":
    main()
