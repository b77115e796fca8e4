"""Two builds at once: the second waits, says for whom, and goes on when the first lets go."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import Interrupted
from bootstrap.local.toolchain.lock import held
from bootstrap.local.toolchain.work import Work


class ActingClock(FakeClock):
    """Does something once a wait has lasted `after` seconds."""

    def __init__(self, after: float, act: Callable[[], None]) -> None:
        super().__init__()
        self._after, self._act = after, act

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        super().wait(seconds, cancel)
        if self.monotonic() >= self._after:
            self._act()
        return cancel.is_set()


def test_a_free_lock_is_taken_signed_and_left_unsigned(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "tool.lock"
    with held(path, "tool", Work(FakeClock())):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert path.read_text() == ""


def test_it_can_be_taken_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tool.lock"
    with pytest.raises(ZeroDivisionError), held(path, "tool", Work(FakeClock())):
        raise ZeroDivisionError
    with held(path, "tool", Work(FakeClock())):
        assert path.read_text()


def test_the_second_waits_and_names_the_first(tmp_path: Path) -> None:
    path, said = tmp_path / "tool.lock", list[str]()
    with path.open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        clock = ActingClock(25, lambda: fcntl.flock(first, fcntl.LOCK_UN))
        json.dump({"pid": 4711, "folder": "/some where", "since": clock.now() - 65}, first)
        first.flush()
        with held(path, "tool", Work(clock, threading.Event(), said.append, "[1/2] tool")):
            assert clock.monotonic() >= 25
    assert said[0] == "[1/2] tool: waiting: process 4711 in /some where (for 1 min 05 s) is making it"
    assert len(said) == 3, "one line at once and one each ten seconds"


def test_an_owner_that_has_not_signed_yet_is_waited_for_too(tmp_path: Path) -> None:
    path, said = tmp_path / "tool.lock", list[str]()
    with path.open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        clock = ActingClock(1, lambda: fcntl.flock(first, fcntl.LOCK_UN))
        with held(path, "tool", Work(clock, threading.Event(), said.append)):
            pass
    assert said == ["waiting: another process is making it"]


def test_waiting_ends_when_cancelled(tmp_path: Path) -> None:
    path, cancel = tmp_path / "tool.lock", threading.Event()
    with path.open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with (
            pytest.raises(Interrupted, match="waiting for tool"),
            held(path, "tool", Work(ActingClock(5, cancel.set), cancel)),
        ):
            pytest.fail("the lock is held by another")
