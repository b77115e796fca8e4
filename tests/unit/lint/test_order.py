"""New wave numbers: valid, few, stable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.lint.order import HIGHEST, LOWEST, Before, Cycle, NoRoom, renumber

Orders = list[Before[str]]


def chain(*names: str) -> Orders:
    return [Before(first, then) for first, then in pairwise(names)]


@pytest.mark.parametrize(
    ("waves", "orders", "moved"),
    [
        ({"a": 0, "b": 5}, chain("a", "b"), {}),
        ({"a": 5, "b": 5}, [Before("a", "b", 0)], {}),
        # A swap: one of the two moves, to the nearest free number.
        ({"net": 6, "eso": 11, "cr": 10, "alb": 15}, chain("net", "eso", "cr", "alb"), {"cr": 12}),
        # One that is far too early.
        ({"crd": 0, "ns": 2, "op": 25, "cr": 1}, [*chain("crd", "ns", "op", "cr")], {"cr": 26}),
        # One that is far too late moves, and not the three that need it.
        ({"ns": 90, "a": 5, "b": 6, "c": 7}, [Before("ns", one) for one in "abc"], {"ns": 4}),
        # No number between: the neighbour gives way.
        ({"a": 1, "b": 9, "c": 2}, chain("a", "b", "c"), {"c": 10}),
        ({"a": 3, "b": 3, "c": 3}, chain("a", "b", "c"), {"b": 4, "c": 5}),
        ({"a": 0, "b": 3}, [Before("a", "b", 5)], {"b": 5}),
        # What may share a number gets its own, if it moves and there is room.
        ({"a": 9, "b": 5}, [Before("a", "b", 0)], {"b": 10}),
        ({"a": 9, "b": 5, "c": 9}, [Before("a", "b", 0), Before("b", "c", 0)], {"b": 9}),
        ({"a": HIGHEST, "b": HIGHEST}, chain("a", "b"), {"a": HIGHEST - 1}),
        ({"a": LOWEST, "b": LOWEST}, chain("a", "b"), {"b": LOWEST + 1}),
    ],
)
def test_examples(waves: Mapping[str, int], orders: Orders, moved: Mapping[str, int]) -> None:
    assert renumber(waves, orders) == moved


def test_what_is_pinned_stays() -> None:
    waves = {"ns": 90, "a": 5, "b": 6}
    orders = [Before("ns", "a"), Before("ns", "b")]
    assert renumber(waves, orders, {"ns"}) == {"a": 91, "b": 91}
    with pytest.raises(NoRoom):
        renumber(waves, orders, {"ns", "b"})


def test_a_cycle_is_named() -> None:
    with pytest.raises(Cycle) as raised:
        renumber({"a": 1, "b": 2, "c": 3}, [*chain("a", "b", "c"), Before("b", "a")])
    assert set(raised.value.units) == {"a", "b"}
    assert raised.value.units[0] == raised.value.units[-1]


NAMES = "abcdefg"


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, int], Orders]:
    """Numbers at random, and orders along the alphabet: no cycle."""
    count = draw(st.integers(1, len(NAMES)))
    numbers = st.integers(-4, 8) | st.sampled_from([LOWEST, LOWEST + 1, HIGHEST - 1, HIGHEST])
    waves = {name: draw(numbers) for name in NAMES[:count]}
    pairs = list(combinations(NAMES[:count], 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=10)) if pairs else []
    return waves, [Before(first, then, draw(st.integers(0, 2))) for first, then in chosen]


def holds(waves: Mapping[str, int], orders: Iterable[Before[str]]) -> bool:
    in_order = all(waves[order.first] + order.gap <= waves[order.then] for order in orders)
    return in_order and all(LOWEST <= wave <= HIGHEST for wave in waves.values())


def feasible(waves: Mapping[str, int], orders: Orders, kept: Iterable[str]) -> bool:
    """Whether those can keep their numbers: bounds are pushed along the orders until nothing moves."""
    least = {name: waves[name] if name in kept else LOWEST for name in waves}
    for name in NAMES:
        for order in orders:
            if order.first == name:
                least[order.then] = max(least[order.then], least[name] + order.gap)
    return all(least[name] == waves[name] for name in kept) and max(least.values()) <= HIGHEST


@given(problems())
def test_every_order_holds_afterwards_and_a_second_time_nothing_moves(
    problem: tuple[dict[str, int], Orders],
) -> None:
    waves, orders = problem
    moved = renumber(waves, orders)
    assert holds({**waves, **moved}, orders)
    assert renumber({**waves, **moved}, orders) == {}
    assert all(waves[name] != wave for name, wave in moved.items())


@given(problems())
def test_a_valid_order_is_not_touched(problem: tuple[dict[str, int], Orders]) -> None:
    waves, orders = problem
    if holds(waves, orders):
        assert renumber(waves, orders) == {}


@given(problems())
def test_no_smaller_number_of_moves_would_do(problem: tuple[dict[str, int], Orders]) -> None:
    """Against trying every smaller set."""
    waves, orders = problem
    moves = len(renumber(waves, orders))
    for fewer in range(moves):
        for moving in combinations(waves, fewer):
            assert not feasible(waves, orders, set(waves) - set(moving)), moving
