"""What the supervisor does next, as a pure function of what should be and what is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.components import Component
from bootstrap.local.supervisor.decide import (
    FIRST_DELAY,
    HANGING,
    LONGEST_DELAY,
    PROVEN,
    Action,
    ComponentState,
    Verb,
    actions,
    died,
)

ETCD = Component("etcd", ("etcd",))
API = Component("api", ("api",), needs=("etcd",))
KWOK = Component("kwok", ("kwok",), needs=("api",))
ALL = {each.name: each for each in (ETCD, API, KWOK)}


def up(component: Component) -> ComponentState:
    return ComponentState(component, alive=True, ready=True, served=True)


def test_starts_what_needs_nothing_first() -> None:
    assert actions(ALL, {}, 0) == (Action(Verb.START, "etcd"),)


def test_starts_what_needs_are_met() -> None:
    parts = {"etcd": up(ETCD), "api": ComponentState(API, alive=True)}
    assert actions(ALL, parts, 0) == (), "alive is not ready"
    assert actions(ALL, {"etcd": up(ETCD), "api": up(API)}, 0) == (Action(Verb.START, "kwok"),)


def test_stops_in_reverse_order() -> None:
    parts = {name: up(component) for name, component in ALL.items()}
    assert actions({}, parts, 0) == (Action(Verb.TERMINATE, "kwok"),)
    del parts["kwok"]
    assert actions({}, parts, 0) == (Action(Verb.TERMINATE, "api"),)


def test_a_change_restarts_that_part_only() -> None:
    parts = {name: up(component) for name, component in ALL.items()}
    wanted = {**ALL, "etcd": replace(ETCD, argv=("etcd", "--new"))}
    assert actions(wanted, parts, 0) == (Action(Verb.TERMINATE, "etcd"),)


def test_what_does_not_end_is_killed_after_its_grace() -> None:
    parts = {"etcd": replace(up(ETCD), stopping=100.0)}
    assert actions({}, parts, 100.0 + ETCD.grace) == ()
    assert actions({}, parts, 100.1 + ETCD.grace) == (Action(Verb.KILL, "etcd"),)


def test_waits_for_its_turn_after_a_death() -> None:
    parts = {"etcd": ComponentState(ETCD, failures=3, retry=7.0)}
    assert actions({"etcd": ETCD}, parts, 6.9) == ()
    assert actions({"etcd": ETCD}, parts, 7.0) == (Action(Verb.START, "etcd"),)


def test_what_served_and_hangs_is_restarted() -> None:
    hanging = replace(up(ETCD), ready=False, answered=10.0)
    assert actions({"etcd": ETCD}, {"etcd": hanging}, 10.0 + HANGING) == ()
    assert actions({"etcd": ETCD}, {"etcd": hanging}, 10.1 + HANGING) == (Action(Verb.TERMINATE, "etcd"),)


def test_a_slow_start_is_not_a_hang() -> None:
    starting = ComponentState(ETCD, alive=True, answered=0.0)
    assert actions({"etcd": ETCD}, {"etcd": starting}, 10 * HANGING) == ()


def test_delays_double_up_to_a_limit_and_are_forgotten_after_a_good_life() -> None:
    part, delays = ComponentState(ETCD), []
    for _ in range(12):
        failures, retry = died(part, 0.0)
        part = replace(part, failures=failures)
        delays.append(retry)
    assert delays[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert delays[-1] == LONGEST_DELAY
    assert died(replace(part, ready=True, since=0.0), PROVEN) == (1, PROVEN + FIRST_DELAY)


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Component]:
    """Components that need only earlier ones, as a dependency graph must be."""
    names = [f"part{index}" for index in range(draw(st.integers(1, 7)))]
    return {
        name: Component(
            name, (name,), needs=tuple(draw(st.sets(st.sampled_from(names[:index]))) if index else ())
        )
        for index, name in enumerate(names)
    }


@given(fleets())
def test_every_fleet_comes_up_in_order_and_goes_down_in_reverse(fleet: dict[str, Component]) -> None:
    parts: dict[str, ComponentState] = {}
    while wanted := actions(fleet, parts, 0):
        for action in wanted:
            assert action.verb is Verb.START
            assert all(parts[need].ready for need in fleet[action.name].needs)
            parts[action.name] = up(fleet[action.name])
    assert parts.keys() == fleet.keys()
    while wanted := actions({}, parts, 0):
        for action in wanted:
            assert action.verb is Verb.TERMINATE
            del parts[action.name]
            assert not any(action.name in part.component.needs for part in parts.values())
    assert not parts
