"""Temporary folders that a killed process does not leave behind for ever.

A folder below the cache is held by a lock that the kernel drops when its process dies, however it dies;
whoever needs one next removes those that nobody holds. In the system's folder for such files nobody would.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bootstrap.core import cachefolder
from bootstrap.core.lock import acquire

_HELD = ".held"  # in each folder, and, for the making and clearing of folders, beside them


@contextmanager
def scratch(purpose: str, home: Path = Path()) -> Iterator[Path]:
    """A folder for the user alone, gone after the block. `home` as for `cachefolder.choose`."""
    with ExitStack() as stack:
        try:
            folder = _hold(stack, purpose, cachefolder.choose(home) / "scratch")
        except OSError:  # the cache is full, or cannot be written to; the system's folder may be elsewhere
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bootstrap-{purpose}-")))
        yield folder


def _hold(stack: ExitStack, purpose: str, base: Path) -> Path:
    """A new folder; it goes, and its lock after it, when the stack is closed."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(base):
        _clear(base)
        folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=base))
        stack.enter_context(_locked(folder))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _clear(base: Path) -> None:
    """Remove what nobody holds."""
    for folder in (each for each in base.iterdir() if each.is_dir()):
        try:
            with _locked(folder, wait=False):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # somebody holds it, or has just removed it


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder's lock. Without `wait`, raises BlockingIOError when another process holds it."""
    descriptor = os.open(folder / _HELD, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not acquire(descriptor, wait=wait):
            raise BlockingIOError(f"{folder} is locked")
        yield
    finally:
        os.close(descriptor)
