from __future__ import annotations

import logging
import threading

import pytest

from bootstrap.local.aws.changes import Changes
from bootstrap.local.aws.keeper import Keeper


def test_nothing_is_written_without_a_change() -> None:
    written: list[int] = []
    keeper = Keeper(Changes(version=1), lambda: written.append(1))
    keeper.write()
    assert written == []


def test_a_change_is_written_once() -> None:
    written: list[int] = []
    changes = Changes(version=1)
    keeper = Keeper(changes, lambda: written.append(changes.version))
    changes.note()
    keeper.write()
    keeper.write()
    assert written == [2]


def test_a_change_during_the_dump_is_written_too() -> None:
    written: list[int] = []
    changes = Changes(version=1)

    def dump() -> None:
        written.append(changes.version)
        if len(written) == 1:
            changes.note()

    keeper = Keeper(changes, dump)
    changes.note()
    keeper.write()
    keeper.write()
    assert written == [2, 3]


def test_changes_are_written_while_it_runs_and_stop_ends_it() -> None:
    written = threading.Event()
    changes = Changes(version=1)
    keeper = Keeper(changes, written.set, quiet=0.001, longest=0.002)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    changes.note()
    assert written.wait(30)
    keeper.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_dump_that_fails_is_told_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    changes = Changes(version=1)

    def dump() -> None:
        raise OSError("no space left on device")

    keeper = Keeper(changes, dump)
    changes.note()
    with caplog.at_level(logging.ERROR):
        keeper.write()
    assert "no space left on device" in caplog.text
