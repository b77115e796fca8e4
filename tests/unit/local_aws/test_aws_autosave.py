from __future__ import annotations

import logging
import threading

import pytest

from bootstrap.local.aws.changes import Autosave, ChangeCounter


def test_nothing_is_written_without_a_change() -> None:
    written: list[int] = []
    autosave = Autosave(ChangeCounter(version=1), lambda: written.append(1))
    autosave.write()
    assert written == []


def test_a_change_is_written_once() -> None:
    written: list[int] = []
    changes = ChangeCounter(version=1)
    autosave = Autosave(changes, lambda: written.append(changes.version))
    changes.note()
    autosave.write()
    autosave.write()
    assert written == [2]


def test_a_change_during_the_dump_is_written_too() -> None:
    written: list[int] = []
    changes = ChangeCounter(version=1)

    def dump() -> None:
        written.append(changes.version)
        if len(written) == 1:
            changes.note()

    autosave = Autosave(changes, dump)
    changes.note()
    autosave.write()
    autosave.write()
    assert written == [2, 3]


def test_changes_are_written_while_it_runs_and_stop_ends_it() -> None:
    written = threading.Event()
    changes = ChangeCounter(version=1)
    autosave = Autosave(changes, written.set, quiet=0.001, longest=0.002)
    thread = threading.Thread(target=autosave.run)
    thread.start()
    changes.note()
    assert written.wait(30)
    autosave.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_dump_that_fails_is_told_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    changes = ChangeCounter(version=1)

    def dump() -> None:
        raise OSError("no space left on device")

    autosave = Autosave(changes, dump)
    changes.note()
    with caplog.at_level(logging.ERROR):
        autosave.write()
    assert "no space left on device" in caplog.text
