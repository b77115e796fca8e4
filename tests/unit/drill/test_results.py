"""Nights: what is kept of a drill, what is called slow, and how CI reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.errors import SlowerError
from bootstrap.drill import judge, junit, ledger
from bootstrap.drill.model import DrillResult, Regression, rto, waves
from bootstrap.render.view import RunView, see
from bootstrap.run.events import (
    PlannedStep,
    RunStarted,
    SmokeChecked,
    Stamped,
    StepFinished,
    StepStarted,
    WaveFinished,
    WaveStarted,
)

GOOD = DrillResult(
    "20260101T000000Z", "dev", "aws", "2026-01-01T00:00:00Z", 100.0, 40.0, 0, 0, {0: 5.0, 10: 30.0}
)
SLOW = replace(GOOD, run="20260102T000000Z", rto=200.0, waves={0: 5.0, 10: 130.0})

seconds = st.floats(1, 1000)
slower = st.builds(Regression, st.text(), seconds, seconds, st.integers(3, 9))
results = st.builds(
    DrillResult,
    run=st.text("0123456789", min_size=3, max_size=8),
    environment=st.just("dev"),
    target=st.just("aws"),
    started=st.just("2026-01-01T00:00:00Z"),
    rto=seconds | st.none(),
    down=seconds | st.none(),
    up_code=st.sampled_from([0, 4, 5]),
    down_code=st.sampled_from([0, 7, None]),
    waves=st.dictionaries(st.integers(-10, 70), seconds, max_size=3),
    smoke=st.lists(
        st.builds(SmokeChecked, st.text("ab", min_size=1), st.booleans(), seconds, st.text()), max_size=2
    ).map(tuple),
    left=st.lists(st.text("ab", min_size=1), max_size=2).map(tuple),
    error=st.text(),
    regressions=st.lists(
        st.builds(Regression, st.text(), seconds, seconds, st.integers(3, 9)), max_size=2
    ).map(tuple),
)


@given(results)
def test_a_result_survives_writing(result: DrillResult) -> None:
    assert ledger.decode(ledger.encode(result)) == result


def test_the_newest_results_come_first_and_damage_is_passed_over(tmp_path: Path) -> None:
    for result in (GOOD, SLOW):
        ledger.write(tmp_path, result)
    (tmp_path / "20260103T000000Z.json").write_text('{"run": 1')
    (tmp_path / "20260104T000000Z.json").write_text("[]")
    assert ledger.earlier(tmp_path) == (SLOW, GOOD)
    assert ledger.earlier(tmp_path / "none") == ()


def test_what_took_much_longer_than_usual_is_a_regression() -> None:
    found = judge.regressions(SLOW, [GOOD] * judge.FEWEST, tolerance=1.5)
    assert [(each.what, each.usual, each.seconds) for each in found] == [
        ("up", 100.0, 200.0),
        ("wave 10", 30.0, 130.0),
    ]
    assert replace(SLOW, regressions=found).exit_code == SlowerError.exit_code


def test_without_enough_good_results_nothing_is_usual() -> None:
    few = [GOOD] * (judge.FEWEST - 1)
    bad = [replace(GOOD, up_code=4), replace(GOOD, left=("x",)), replace(GOOD, target="local")]
    assert judge.regressions(SLOW, [*few, *bad], 1.5) == ()


@given(st.lists(seconds, min_size=3, max_size=9), st.floats(1, 3))
def test_the_usual_result_is_never_a_regression(times: list[float], tolerance: float) -> None:
    known = [replace(GOOD, rto=each, waves={}) for each in times]
    middle = sorted(times)[len(times) // 2]
    now = replace(GOOD, rto=middle if len(times) % 2 else min(times), waves={})
    assert judge.regressions(now, known, tolerance) == ()


@given(results)
def test_a_result_is_good_or_says_why_by_its_code(result: DrillResult) -> None:
    assert (result.exit_code == 0) <= result.good or bool(result.left)
    root = ET.fromstring(junit.encode(result))  # noqa: S314 - our own
    failed = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert {f"smoke {check.name}" for check in result.smoke if not check.passed} <= failed
    assert int(root.get("failures") or 0) == sum(
        case.find("failure") is not None for case in root.iter("testcase")
    )


def test_ci_sees_every_part_of_a_good_drill() -> None:
    good = replace(GOOD, smoke=(SmokeChecked("login", True, 1.5),))
    root = ET.fromstring(junit.encode(good))  # noqa: S314 - our own
    assert [case.get("name") for case in root.iter("testcase")] == [
        "up",
        "wave 0",
        "wave 10",
        "smoke login",
        "down",
    ]
    assert root.get("failures") == "0"


@pytest.mark.parametrize(
    ("result", "where"),
    [
        (replace(GOOD, up_code=5, rto=None, error="wave 10 is stuck"), "up"),
        (replace(GOOD, down_code=7, left=("ec2 volume vol-1",)), "down"),
        (replace(GOOD, regressions=(Regression("wave 10", 90.0, 30.0, 3),)), "wave 10"),
    ],
)
def test_ci_sees_what_failed(result: DrillResult, where: str) -> None:
    root = ET.fromstring(junit.encode(result))  # noqa: S314 - our own
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == [where]


def test_recovery_time_ends_with_the_proof_of_health() -> None:
    view = RunView()
    told = [
        RunStarted("r", "drill", "dev", "aws", (PlannedStep("verify", "Verify", (), 60.0),)),
        WaveStarted(10, ("a",)),
        WaveFinished(10, 20.0),
        StepStarted("verify"),
        StepFinished("verify"),
    ]
    for at, event in zip((0.0, 5.0, 25.0, 26.0, 27.0), told, strict=True):
        assert rto(view) is None
        view = see(view, Stamped(at, at, event))
    assert rto(view) == 27.0
    assert waves(view) == {10: 20.0}
