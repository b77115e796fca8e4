"""Runs of the fake product, each a process of its own, forked from one that has loaded it.

To load it takes a second; what runs in a fork is the same.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bootstrap import cli
from tests.unit.cli import fake_product

REPOSITORY = Path(__file__).parents[3]
PATIENCE = 60  # seconds after which a test gives up

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([fake_product.__name__])


def surroundings(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100", **changes}


class Product:
    """A run that goes on; `stdout` and `stderr` are pipes from it unless a descriptor is given."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        stdin: int | None = None,
        stderr: int | None = None,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`arguments` are a scenario and those of the command line; `stderr` may be subprocess.STDOUT."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        reader, out = os.pipe()
        errors, err = os.pipe()
        self.stdout, self.stderr = os.fdopen(reader), os.fdopen(errors)
        told = {None: err, subprocess.STDOUT: out}.get(stderr) or stderr
        streams = [_Stream(each) for each in (stdin or nothing, out, told) if each is not None]
        self._process = _FORKS.Process(
            target=_become, args=(home, arguments, surroundings(**environ), streams), daemon=True
        )
        self._process.start()
        for each in (nothing, out, err):
            os.close(each)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        assert code is not None, f"it still runs after {PATIENCE} s"
        return code

    def end(self) -> tuple[int, str, str]:
        """Exit code, and what is left to read of stdout and stderr."""
        out, err = self.stdout.read(), self.stderr.read()
        return self.wait(), out, err

    def close(self) -> None:
        """Whatever it does now."""
        if self._process.exitcode is None:
            self.signal(signal.SIGKILL)
        self._process.join()
        self.stdout.close()
        self.stderr.close()


def run(home: Path, scenario: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    product = Product(home, scenario, *arguments, environ=environ)
    try:
        return subprocess.CompletedProcess(arguments, *product.end())
    finally:
        product.close()


class _Stream:
    """A descriptor on its way into a new process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._descriptor),)


def _received(sent: Any) -> int:
    descriptor: int = sent.detach()
    return descriptor


def _become(home: Path, arguments: tuple[str, ...], environ: Mapping[str, str], streams: list[int]) -> None:
    """In the fork: as `python -m tests.unit.cli.fake_product ARGUMENT…` would begin."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace", closefd=False)
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [fake_product.__name__, *arguments]
    fake_product.install(arguments[0])
    cli.main(list(arguments[1:]))
