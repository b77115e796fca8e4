"""Earlier runs: what is usual is learnt from them, and no damage in them ever matters."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.render import report
from bootstrap.render.view import RunView, see
from bootstrap.run import history
from bootstrap.run.events import RunFinished, RunStarted, Stamped, WaveFinished, WaveStarted
from bootstrap.run.history import Learnt, Stats, learn, stats


def run(folder: Path, name: str, took: dict[int, float], **changes: Any) -> Path:
    """A report as a run leaves it, of waves that took so many seconds each."""
    entries: list[Any] = []
    now = 10.0
    for wave, seconds in took.items():
        entries.append({"wave": wave, "started": now, "ended": now + seconds, "state": "done", "apps": []})
        now += seconds
    step = {"name": "waves", "started": 10.0, "ended": now, "state": "done"}
    data = {"command": "up", "outcome": "succeeded", "waves": entries, "steps": [step], **changes}
    (folder / name).mkdir(parents=True)
    (folder / name / "report.json").write_text(json.dumps(data))
    return folder / name


def test_without_history_nothing_is_known(tmp_path: Path) -> None:
    assert learn(tmp_path / "none") == learn(tmp_path) == Learnt()


def test_durations_of_waves_and_steps_are_learnt(tmp_path: Path) -> None:
    for number, seconds in enumerate((10.0, 20.0, 40.0)):
        run(tmp_path, f"2026010{number}T000000Z", {0: seconds, 10: 5.0})
    found = learn(tmp_path)
    assert found.runs == 3
    assert found.waves == {0: Stats(20.0, 36.0, 3), 10: Stats(5.0, 5.0, 3)}
    assert found.steps["waves"].median == 25.0


def test_a_report_as_this_version_writes_it_is_understood(tmp_path: Path) -> None:
    view = RunView()
    told = [
        RunStarted("r", "up", "dev", "local", ()),
        WaveStarted(0, ("a",)),
        WaveFinished(0, 7.0),
        RunFinished("succeeded", 0, 8.0),
    ]
    for at, event in enumerate(told):
        view = see(view, Stamped(1e9 + at, float(at), event))
    (tmp_path / "20260101T000000Z").mkdir()
    report.write(view, tmp_path / "20260101T000000Z")
    assert learn(tmp_path).waves == {0: Stats(1.0, 1.0, 1)}


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "down"},
        {"outcome": "failed"},
        {"waves": None},
        {"waves": [None, 3, {"wave": "x", "state": "done"}, {"wave": 1, "state": "done", "started": "?"}]},
        {"waves": [{"wave": 1, "started": 1.0, "ended": None, "state": "running"}]},
        {"waves": [{"wave": 1, "started": 1.0, "ended": 1.01, "state": "done"}]},
    ],
)
def test_runs_that_tell_nothing_are_left_out(tmp_path: Path, changes: dict[str, Any]) -> None:
    run(tmp_path, "20260102T000000Z", {0: 99.0}, **changes)
    run(tmp_path, "20260101T000000Z", {0: 5.0})
    assert learn(tmp_path).waves == {0: Stats(5.0, 5.0, 1)}


def test_a_wave_that_was_done_before_does_not_make_the_others_look_slow(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000Z", {0: 0.001, 10: 8.0})
    assert learn(tmp_path).waves == {10: Stats(8.0, 8.0, 1)}


@given(st.binary(max_size=200))
def test_damage_is_tolerated(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("runs")
    run(folder, "20260101T000000Z", {0: 5.0})
    path = run(folder, "20260102T000000Z", {}) / "report.json"
    path.write_bytes(text)
    assert learn(folder).waves == {0: Stats(5.0, 5.0, 1)}


def test_only_the_newest_runs_count(tmp_path: Path) -> None:
    for number in range(history.RUNS + 5):
        run(tmp_path, f"202601{number:02}T000000Z", {0: 100.0 if number < 5 else 10.0})
    (tmp_path / "latest").symlink_to("20260114T000000Z")
    assert learn(tmp_path).waves == {0: Stats(10.0, 10.0, history.RUNS)}


def test_what_is_left_is_the_sum_of_what_is_usual() -> None:
    learnt = Learnt({0: Stats(5, 6, 1), 10: Stats(20, 30, 1)}, {"verify": Stats(3, 3, 1)}, 1)
    assert learnt.left([0, 10], ["verify", "unheard-of"]) == 28
    assert learnt.left([]) == 0
    assert learnt.left([0, 99]) is None


@given(st.lists(st.floats(0.1, 1e4), min_size=1, max_size=20))
def test_nine_of_ten_are_never_faster_than_half(took: list[float]) -> None:
    found = stats(took)
    assert found.count == len(took)
    assert found.median <= found.p90 or math.isclose(found.median, found.p90)
    assert min(took) <= found.median <= max(took)
    assert found.p90 <= max(took) or math.isclose(found.p90, max(took))
