from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import LockedError
from bootstrap.run.events import StepProgress
from bootstrap.terraform import survivor as module
from bootstrap.terraform.explain import Lock
from bootstrap.terraform.survivor import (
    KEPT,
    Note,
    note,
    notes_in,
    proof_of_death,
    survivor,
    wait_for_survivor,
    whoami,
)
from tests.aws_context import environment, world


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    """Something that runs until its input is closed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running


def test_who_runs_is_known_and_who_ended_is_not(tmp_path: Path, program: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "state" / "terraform.pid"
    assert survivor(path) is None
    note(path, program.pid)
    assert survivor(path) == program.pid
    program.communicate(b"\n")
    assert survivor(path) is None


@pytest.mark.parametrize(
    ("name", "found"), [("terraform", True), ("terraform-provider-aws_v6", False), ("vim", False)]
)
def test_one_that_nobody_noted_is_known_by_where_it_works(tmp_path: Path, name: str, found: bool) -> None:
    """As it is when the run was killed before it could note it."""
    copy = tmp_path / "terraform" / "dev"
    copy.mkdir(parents=True)
    command = [sys.executable, "-c", "input()", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=copy) as running:
        assert survivor(tmp_path / "terraform.pid") == (running.pid if found else None)
        assert survivor(tmp_path / "elsewhere" / "terraform.pid") is None


def test_another_process_with_the_same_id_is_not_mistaken(tmp_path: Path) -> None:
    path = tmp_path / "terraform.pid"
    path.write_text(json.dumps([{"pid": os.getpid(), "started": 1.0}]))
    assert survivor(path) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[7]", '[{"pid": -1, "started": 0}]', '[{"pid": "x", "started": 0}]']
)
def test_a_torn_note_is_no_note(tmp_path: Path, text: str) -> None:
    path = tmp_path / "terraform.pid"
    path.write_text(text)
    assert survivor(path) is None


def test_it_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int | None] = [7, 7, None]
    monkeypatch.setattr(module, "survivor", lambda _: seen.pop(0))
    here = world(environment(tmp_path))
    wait_for_survivor(here.context, tmp_path / "terraform.pid")
    (progress,) = here.of(StepProgress)
    assert "process 7" in progress.message


def test_but_not_for_ever(tmp_path: Path, program: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "terraform.pid"
    note(path, program.pid)
    clock = FakeClock()
    with pytest.raises(LockedError, match=str(program.pid)) as refused:
        wait_for_survivor(world(environment(tmp_path), clock=clock).context, path)
    assert f"kill -INT {program.pid}" in refused.value.cure
    assert clock.monotonic() == pytest.approx(120)


def test_who_goes_on_with_its_work_waits_as_long_as_that_takes(
    tmp_path: Path, program: subprocess.Popen[bytes]
) -> None:
    path = tmp_path / "terraform.pid"
    note(path, program.pid)
    clock = FakeClock()
    context = replace(world(environment(tmp_path), clock=clock).context, deadline=3600.0)
    with pytest.raises(LockedError):
        wait_for_survivor(context, path, 1800.0)
    assert clock.monotonic() == pytest.approx(1800)


def lock(created: float, who: str | None = None) -> Lock:
    return Lock("5f1c", who or whoami(), "apply", created, "state")


def test_whose_lock_it_is_is_proved_by_when_it_was_taken(
    tmp_path: Path, program: subprocess.Popen[bytes]
) -> None:
    path = tmp_path / "terraform.pid"
    assert proof_of_death(path, lock(0.0)) == "", "nothing is noted"
    note(path, program.pid)
    started = notes_in(path)[0].started
    assert proof_of_death(path, lock(started + 2)) == "", "it lives"
    program.communicate(b"\n")
    assert f"process {program.pid}" in proof_of_death(path, lock(started + 2))
    assert proof_of_death(path, lock(started + 2, "alice@build-7")) == "", "another machine's"
    assert proof_of_death(path, lock(started - 60)) == "", "taken before ours was there"
    assert proof_of_death(path, lock(started + 600)) == "", "taken long after ours was started"


def test_notes_do_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "terraform.pid"
    for _ in range(KEPT + 3):
        note(path, os.getpid())
    notes = notes_in(path)
    assert len(notes) == KEPT
    assert notes[-1] == Note(os.getpid(), notes[0].started)
