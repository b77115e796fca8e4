"""`python -m bootstrap.local.toolchain`: make the toolchain, for `make test` and CI."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from bootstrap.core.errors import BootstrapError
from bootstrap.local.toolchain import Toolchain


def main() -> int:
    cancel = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: cancel.set())
    start = time.monotonic()

    def progress(message: str) -> None:
        sys.stderr.write(f"{time.monotonic() - start:6.1f} s  {message}\n")
        sys.stderr.flush()

    try:
        toolchain = Toolchain.locate(Path.cwd())
        toolchain.ensure(progress, cancel)
    except BootstrapError as error:
        sys.stderr.write(f"error: {error}\n" + (f"  cure: {error.cure}\n" if error.cure else ""))
        return error.exit_code
    progress(f"toolchain complete in {toolchain.cache}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
