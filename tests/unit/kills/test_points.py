"""Where a run is killed: drawn the same again, hit in the run's own events, told afterwards."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.kills.points import (
    LAUNCH,
    Place,
    Point,
    Usual,
    Victims,
    draw,
    over,
    place,
    reached,
    step_of,
    usual,
)

STEPS = ("preflight", "terraform", "root-app", "waves", "verify")
ORDINARY = Usual(
    STEPS, dict.fromkeys(STEPS, 4.0), {("terraform", "resource_changed"): 40, ("waves", "wave_started"): 5}
)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to be drawn again


def event(kind: str, step: str = "", **more: Any) -> dict[str, Any]:
    return {"type": kind, "step": step, "time": 0.0, **more}


def point(step: str, kind: str, count: int = 1) -> Point:
    return Point("terraform", step, kind, count, 0.0, Victims.PRODUCT)


def test_the_same_seed_draws_the_same_chain() -> None:
    first, again, other = (draw(seeded(seed), "up", ORDINARY, 12) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_weights_are_those_that_are_asked_for() -> None:
    points = draw(seeded(1), "up", ORDINARY, 4000)
    groups = Counter(each.group for each in points)
    assert groups["terraform"] / 40 == pytest.approx(40, abs=3)
    assert groups["waves"] / 40 == pytest.approx(25, abs=3)
    victims = Counter(each.victims for each in points)
    assert victims[Victims.TREE] / 40 == pytest.approx(32, abs=3)
    assert 0 < victims[Victims.PLATFORM] / 40 < 12
    assert {each.step for each in points} == {LAUNCH, *STEPS}


def test_a_chain_comes_in_the_order_of_the_steps_or_in_none() -> None:
    order = {step: number for number, step in enumerate((LAUNCH, *STEPS))}
    sorted_ = 0
    for seed in range(200):
        numbers = [order[each.step] for each in draw(seeded(seed), "up", ORDINARY, 10)]
        sorted_ += numbers == sorted(numbers)
    assert 100 < sorted_ < 200


def test_the_nth_event_of_its_step_is_what_counts() -> None:
    aimed = point("terraform", "resource_changed", 2)
    events = [event("resource_changed", "teardown"), event("resource_changed", "terraform")]
    assert not reached(aimed, events)
    assert reached(aimed, [*events, event("resource_changed", "terraform")])


def test_a_step_that_ends_earlier_is_the_last_chance() -> None:
    aimed = point("terraform", "resource_changed", 30)
    assert not over(aimed, [event("step_finished", "lock")])
    assert over(aimed, [event("step_finished", "terraform")])
    assert over(aimed, [event("step_failed", "terraform")])


def test_before_the_first_word_needs_none() -> None:
    assert reached(point(LAUNCH, ""), [])
    assert place([]) == Place((LAUNCH,), "")


def test_waves_and_applications_belong_to_the_step_of_the_waves() -> None:
    assert step_of(event("wave_started", wave=3)) == "waves"
    assert step_of(event("app_seen", app="shop")) == "waves"
    assert step_of(event("run_started")) == ""


def test_a_place_names_what_was_at_work() -> None:
    events = [
        event("step_started", "terraform"),
        event("step_finished", "terraform"),
        event("step_started", "seeds"),
        event("step_started", "access"),
        event("step_finished", "seeds"),
        event("step_progress", "access", message="waiting"),
    ]
    assert place(events) == Place(("access",), "step_progress access waiting")


def test_what_is_usual_is_read_from_a_run() -> None:
    events = [
        event("run_started"),
        {**event("step_started", "terraform"), "time": 10.0},
        event("resource_changed", "terraform"),
        event("resource_changed", "terraform"),
        {**event("step_finished", "terraform"), "time": 12.5},
    ]
    seen = usual(events)
    assert seen.steps == ("terraform",)
    assert seen.seconds == {"terraform": 2.5}
    assert seen.counts["terraform", "resource_changed"] == 2
