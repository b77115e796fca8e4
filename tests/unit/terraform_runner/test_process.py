"""Following a real (tiny) program: lines as they come, one polite stop, and no end with us."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bootstrap.core.clock import SystemClock
from bootstrap.terraform.process import Command, Ended, Listener, follow

CLOCK = SystemClock()


def script(folder: Path, text: str) -> Command:
    return Command((sys.executable, "-c", text), folder, {"PATH": os.environ["PATH"]})


def test_every_line_is_heard_and_kept(tmp_path: Path) -> None:
    heard: list[str] = []
    log = tmp_path / "run" / "log.jsonl"
    program = script(
        tmp_path, "import sys; print('one'); print('zwei ü'); sys.stdout.write('no end'); sys.exit(3)"
    )
    ended = follow(program, log, Listener(heard.append), CLOCK, threading.Event())
    assert ended == Ended(3, interrupted=False)
    assert heard == ["one", "zwei ü", "no end"]
    assert log.stat().st_mode & 0o077 == 0
    heard.clear()
    follow(script(tmp_path, "print('again')"), log, Listener(heard.append), CLOCK, threading.Event())
    assert heard == ["again"]
    assert log.read_text() == "one\nzwei ü\nno endagain\n"


STUBBORN = """
import signal, sys
caught = []
signal.signal(signal.SIGINT, lambda *_: caught.append(1))
print("ready", flush=True)
while not caught:
    signal.pause()
print("saving", flush=True)
print("asked", len(caught), flush=True)
"""


def test_a_stop_is_asked_for_once_and_waited_for(tmp_path: Path) -> None:
    heard: list[str] = []
    cancel = threading.Event()

    def on_line(line: str) -> None:
        heard.append(line)
        if line == "ready":
            cancel.set()

    ended = follow(script(tmp_path, STUBBORN), tmp_path / "log", Listener(on_line), CLOCK, cancel)
    assert ended == Ended(0, interrupted=True)
    assert heard == ["ready", "saving", "asked 1"]


def test_a_defect_while_listening_does_not_leave_the_program_behind(tmp_path: Path) -> None:
    def on_line(line: str) -> None:
        raise RuntimeError(line)

    log = tmp_path / "log"
    with pytest.raises(RuntimeError, match="ready"):
        follow(script(tmp_path, STUBBORN), log, Listener(on_line), CLOCK, threading.Event())
    assert "asked 1" in log.read_text()


def test_a_missing_program_is_an_error_at_once(tmp_path: Path) -> None:
    missing = Command(("/nowhere/terraform",), tmp_path, {})
    with pytest.raises(FileNotFoundError):
        follow(missing, tmp_path / "log", Listener(print), CLOCK, threading.Event())


PARENT = """
import sys, threading
from pathlib import Path
from bootstrap.core.clock import SystemClock
from bootstrap.terraform.process import Command, Listener, follow
folder = Path(sys.argv[1])
child = Command((sys.executable, "-c", sys.argv[2]), folder, {})
listener = Listener(lambda line: print(line, flush=True))
follow(child, folder / "log", listener, SystemClock(), threading.Event())
"""
CHILD = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", os.getpid(), flush=True)
signal.sigwait([signal.SIGUSR1])
print("saved", flush=True)
with open("done", "w") as done:
    done.write("done")
"""


def test_a_kill_of_ours_does_not_kill_the_program(tmp_path: Path) -> None:
    """A pipe would: its next line would find nobody reading."""
    os.mkfifo(tmp_path / "done")
    done = os.open(tmp_path / "done", os.O_RDONLY | os.O_NONBLOCK)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), CHILD], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout
        child = int(parent.stdout.readline().split()[1])
        parent.send_signal(signal.SIGKILL)
    assert os.getpgid(child) == child, "it lives, in a session of its own"
    os.kill(child, signal.SIGUSR1)
    readable, _, _ = select.select([done], [], [], 30)
    os.close(done)
    assert readable
    assert "saved" in (tmp_path / "log").read_text()


# Like Terraform with a provider that does not hear: it ends once its child has.
DEAF = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print("ready", flush=True)
child.wait()
print("saving", flush=True)
"""


class Impatient(SystemClock):
    """What is waited for longer than a moment is over at once."""

    def monotonic(self) -> float:
        return super().monotonic() * 100


def test_what_has_no_hope_is_asked_then_loses_its_children(tmp_path: Path) -> None:
    heard: list[str] = []
    listener = Listener(heard.append, enough=lambda: bool(heard))
    ended = follow(script(tmp_path, DEAF), tmp_path / "log", listener, Impatient(), threading.Event())
    assert heard == ["ready", "saving"], "it had the time to save"
    assert ended == Ended(0, interrupted=False, given_up=True)
