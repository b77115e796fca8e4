"""The proof that waves came one after the other, from timestamps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.wave_order import AppLifetime, judge, lifetimes
from tests.argo_objects import application

START = 1_735_689_600.0


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def born(name: str, at: float, healthy: float | None = None) -> Json:
    item = application(name, metadata={"creationTimestamp": stamp(at)})
    if healthy is not None:
        item["status"]["health"]["lastTransitionTime"] = stamp(healthy)
    return item


def event(name: str, at: float, message: str = "Updated health status: Progressing -> Healthy") -> Json:
    return {
        "involvedObject": {"kind": "Application", "uid": f"uid-{name}"},
        "reason": "ResourceUpdated",
        "message": message,
        "firstTimestamp": stamp(at),
    }


def proof(apps: list[Json], events: list[Json], settled: float | None = None, **waves: int) -> Any:
    return judge(lifetimes(waves, apps, events), None if settled is None else START + settled)


def test_in_order() -> None:
    order = proof([born("a", 0), born("b", 5)], [event("a", 5), event("b", 9)], a=0, b=2)
    assert order.proven
    assert [life.app for life in order.lifetimes] == ["a", "b"]


def test_out_of_order_is_named() -> None:
    order = proof([born("a", 0), born("b", 5)], [event("a", 8), event("b", 9)], a=0, b=2)
    assert order.violations == ("b (wave 2) was created 3 s before a (wave 0) became Healthy",)


def test_a_relapse_is_no_violation_when_the_first_time_is_known() -> None:
    apps = [born("a", 0, healthy=60), born("b", 5, healthy=9)]
    assert proof(apps, [event("a", 4), event("a", 60), event("b", 9)], a=0, b=2).proven


def test_without_events_the_last_transition_proves_order_but_no_violation() -> None:
    assert proof([born("a", 0, healthy=4), born("b", 5, healthy=9)], [], a=0, b=2).proven
    order = proof([born("a", 0, healthy=60), born("b", 5, healthy=9)], [], a=0, b=2)
    assert not order.violations
    assert order.unproven == ("b (wave 2) was created 55 s before a (wave 0) last became Healthy",)


def test_every_pair_of_neighbours_counts_with_its_slowest_and_earliest() -> None:
    apps = [born("a", 0), born("a2", 0), born("b", 5), born("b2", 6)]
    events = [event("a", 3), event("a2", 6), event("b", 7), event("b2", 7)]
    order = proof(apps, events, a=0, a2=0, b=2, b2=2)
    assert order.violations == ("b (wave 2) was created 1 s before a2 (wave 0) became Healthy",)


def test_what_was_added_later_is_not_judged() -> None:
    apps = [born("a", 0), born("late", 100), born("b", 5)]
    events = [event("a", 4), event("late", 103), event("b", 9)]
    assert proof(apps, events, settled=20, a=0, late=0, b=2).proven
    assert not proof(apps, events, a=0, late=0, b=2).proven


def test_other_events_and_strangers_do_not_count() -> None:
    apps = [born("a", 0, healthy=4), born("b", 5, healthy=9), born("stranger", 0, healthy=99)]
    events = [event("a", 8, "Updated sync status: OutOfSync -> Synced"), event("a", 8, "-> Degraded")]
    assert proof(apps, events, a=0, b=2).proven


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=10))
def test_proven_exactly_when_no_app_precedes_the_wave_before(rows: list[tuple[int, int, int]]) -> None:
    lives = [
        AppLifetime(str(number), wave, created, created + lasted, exact=True)
        for number, (wave, created, lasted) in enumerate(rows)
    ]
    waves = sorted({life.wave for life in lives})
    bad = any(
        later.created < earlier.healthy
        for earlier in lives
        for later in lives
        if later.wave != earlier.wave and waves.index(later.wave) == waves.index(earlier.wave) + 1
    )
    assert judge(lives).proven is not bad
