"""Long programs are heard, logged, and ended when cancelled."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import Interrupted
from bootstrap.local.toolchain import process
from bootstrap.local.toolchain.work import Work


def run(script: str, folder: Path, work: Work) -> tuple[int, process.Output]:
    return process.run(
        ["sh", "-c", script],
        cwd=folder,
        environment=os.environ,
        log=folder / "logs" / "log",
        describe=lambda output: f"line {output.count}",
        work=work,
    )


def test_exit_code_and_both_streams_are_kept(tmp_path: Path) -> None:
    code, output = run("echo one; echo two >&2; exit 3", tmp_path, Work())
    assert code == 3
    assert (output.count, list(output.tail), output.last) == (2, ["one", "two"], "two")
    assert (tmp_path / "logs" / "log").read_text() == "one\ntwo\n"


def test_a_flood_is_counted_and_only_its_end_remembered(tmp_path: Path) -> None:
    code, output = run("seq 1000", tmp_path, Work())
    assert code == 0
    assert output.count == 1000
    assert (output.tail[0], output.last) == ("961", "1000")


def test_output_that_is_not_text_does_no_harm(tmp_path: Path) -> None:
    _, output = run(r"printf '\377\n'", tmp_path, Work())
    assert output.last == "\N{REPLACEMENT CHARACTER}"


def test_cancelled_before_its_first_word(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted, match=r"interrupted: \[1/2\] helm, line 0") as caught:
        run("exec tail -f /dev/null", tmp_path, Work(FakeClock(), cancel, label="[1/2] helm"))
    assert "resumes" in caught.value.cure


class Endless:
    """Stands for a process that runs for `polls` looks."""

    def __init__(self, polls: int) -> None:
        self.polls = polls

    def poll(self) -> int | None:
        self.polls -= 1
        return None if self.polls > 0 else 0


def test_a_heartbeat_each_ten_seconds() -> None:
    said: list[str] = []
    clock = FakeClock()
    watched = Endless(polls=round(35 / process.POLL))
    process._watch(watched, lambda: "compiling", Work(clock, progress=said.append))  # type: ignore[arg-type]
    assert len(said) == 3
    assert said[0].startswith("compiling (10 s)")
