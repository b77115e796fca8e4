"""Signals become two calls and leave no trace; locks and run folders."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.core.errors import LockedError
from bootstrap.core.interrupts import on_interrupt
from bootstrap.core.lock import held
from bootstrap.run import folder as runfolder
from tests.fakes import environment


@pytest.fixture
def hangup_ignored() -> Iterator[None]:
    """As nohup leaves it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_the_first_signal_asks_and_every_later_one_insists() -> None:
    calls: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with on_interrupt(lambda: calls.append("first"), lambda: calls.append("second")):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)
    assert calls == ["first", "second", "second"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_ignored(hangup_ignored: None) -> None:
    calls: list[str] = []
    with on_interrupt(lambda: calls.append("first"), lambda: calls.append("second")):
        signal.raise_signal(signal.SIGHUP)
    assert calls == []
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_lock_has_one_holder_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "dev.lock"
    with held(path, "bootstrap up", 0.0):
        with pytest.raises(LockedError) as caught, held(path, "bootstrap down", 1.0):
            pass
        assert caught.value.why == f"`bootstrap up`, process {os.getpid()}, since 00:00:00Z"
    with held(path, "bootstrap down", 1.0):
        assert "bootstrap down" in path.read_text(encoding="utf-8")


def test_a_lock_whose_holder_is_gone_is_free(tmp_path: Path) -> None:
    path = tmp_path / "dev.lock"
    path.write_text("`bootstrap up`, process 1, since 00:00:00Z\n", encoding="utf-8")
    with held(path, "bootstrap down", 0.0):
        assert path.read_text(encoding="utf-8").count("\n") == 1


def test_run_folders_of_one_second_differ(tmp_path: Path) -> None:
    config = environment(tmp_path)
    first, second = (runfolder.create(config, 1_790_000_000.0) for _ in range(2))
    assert first == tmp_path / ".bootstrap" / "runs" / "dev" / "20260921T141320Z"
    assert second.name == "20260921T141320Z-2"
    assert (first.parent / "latest").resolve() == second
    assert sorted(path.name for path in first.parent.iterdir()) == [first.name, second.name, "latest"]
