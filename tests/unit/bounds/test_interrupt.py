"""Ctrl-C ends a command that only reads, whatever it is at; a second one ends it at once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

HANGS = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from bootstrap import cli
from bootstrap.core import limits

def work():
    print("at work", flush=True)
    time.sleep(600)

def hang(arguments):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()

limits.GRACE = float(sys.argv[1])
cli.call = hang
cli.main([])
"""


@pytest.mark.parametrize(("grace", "signals"), [("0.1", 1), ("600", 2)])
def test_a_command_that_waits_for_its_threads(grace: str, signals: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGS, grace], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"at work\n"
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            # Two signals that wait together are one.
            while signals == 2 and process.poll() is None and not _taken(process.pid):
                pass
        process.wait(timeout=100)
        assert process.returncode == 130
        assert b"stopped at once" in process.stderr.read()


def _taken(pid: int) -> bool:
    """Whether no signal waits to be delivered."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123
        pending = [int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd"))]
    return not any(mask >> (signal.SIGINT - 1) & 1 for mask in pending)
