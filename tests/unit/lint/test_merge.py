"""Waves that could be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from bootstrap.gitops.model import Broken, Location, Tree, Unchecked
from bootstrap.lint.merge import GATE, Merge, advice
from bootstrap.lint.merge import merges as found_merges
from bootstrap.lint.order import Before
from bootstrap.run.history import Learnt, Stats
from tests.unit.lint.trees import application, manifest, tree

NOTHING = Learnt()


def merges(tree: Tree, pairs: Iterable[tuple[str, str]], learnt: Learnt) -> Iterator[Merge]:
    return found_merges(tree, [Before(*pair) for pair in pairs], learnt)


def platform(**waves: int) -> Tree:
    """Applications by name and wave, each with an object."""
    found = tree({f"{name}.yaml": application(name, wave) for name, wave in waves.items()})
    apps = tuple(
        replace(app, manifests=(manifest(app.name, "ConfigMap", "x", "default"),)) for app in found.apps
    )
    return replace(found, apps=apps)


@pytest.mark.parametrize(
    ("waves", "orders", "groups"),
    [
        ({"a": 0, "b": 2, "c": 5}, [("a", "b"), ("b", "c")], []),
        ({"a": 0, "b": 2, "c": 5}, [("a", "b")], [(2, 5)]),
        ({"a": 0, "b": 2, "c": 5}, [("a", "c")], [(0, 2)]),
        ({"a": 0, "b": 2, "c": 5, "d": 6}, [("b", "c")], [(0, 2), (5, 6)]),
        ({"a": 0, "b": 2, "c": 5}, [], [(0, 2, 5)]),
        ({"a": 35, "b": 60, "c": 70}, [], [(60, 70)]),  # applications last
        ({"a": 1}, [], []),
        ({}, [], []),
    ],
)
def test_neighbours_that_nothing_orders(
    waves: dict[str, int], orders: list[tuple[str, str]], groups: list[tuple[int, ...]]
) -> None:
    assert [merge.waves for merge in merges(platform(**waves), orders, NOTHING)] == groups


def test_what_may_share_a_wave_is_not_advised_to() -> None:
    assert list(found_merges(platform(a=0, b=2), [Before("a", "b", 0)], NOTHING)) == []


def test_what_is_not_known_is_not_merged() -> None:
    found = platform(a=0, b=2, c=5)
    gap = Location("b.yaml", 3)
    for unknown in (
        replace(found, unchecked=(Unchecked("b", "no network", gap),)),
        replace(found, broken=(Broken("b", "helm says no", gap),)),
        replace(
            found, apps=tuple(replace(app, manifests=()) if app.name == "b" else app for app in found.apps)
        ),
    ):
        assert list(merges(unknown, [], NOTHING)) == []


def test_a_need_of_a_child_is_one_of_its_parent() -> None:
    files = {f"{name}.yaml": application(name, wave) for name, wave in (("p", 1), ("q", 2), ("qx", 0))}
    found = tree(files, parents={"qx": "q"})
    apps = tuple(replace(app, manifests=(manifest(app.name, "Secret", "x"),)) for app in found.apps)
    assert list(merges(replace(found, apps=apps), [("p", "qx")], NOTHING)) == []


def test_a_set_stands_for_what_it_makes() -> None:
    files = {"p.yaml": application("p", 1), "s.yaml": application("s", 2, "ApplicationSet")}
    found = tree(files)
    apps = tuple(replace(app, manifests=(manifest(app.name, "Secret", "x"),)) for app in found.apps)
    assert list(merges(replace(found, apps=apps), [("p", "s-two")], NOTHING)) == []


def test_the_longest_of_them_is_what_remains() -> None:
    learnt = Learnt({0: Stats(4, 4, 2), 2: Stats(30, 40, 2), 5: Stats(10, 10, 2)}, runs=2)
    assert list(merges(platform(a=0, b=2, c=5), [], learnt)) == [Merge((0, 2, 5), 14, True)]
    assert list(merges(platform(a=0, b=2, d=7), [], learnt)) == [Merge((0, 2, 7), 2 * GATE, False)]


def test_of_stand_ins_nothing_is_known() -> None:
    found = platform(a=0, b=2, c=3, d=4)
    item = replace(manifest("b", "ConfigMap", "x"), via="chart b 1.0 (stand-in)")
    apps = tuple(replace(app, manifests=(item,)) if app.name == "b" else app for app in found.apps)
    merge, gap = advice(replace(found, apps=apps), [], NOTHING)
    assert merge.startswith("waves 3 and 4 ")
    assert gap.endswith(": 2")


def test_words() -> None:
    learnt = Learnt({0: Stats(4, 4, 2), 2: Stats(30, 40, 2)}, runs=1)
    (line,) = advice(platform(a=0, b=2), [], learnt)
    assert line.startswith("waves 0 and 2 ")
    assert "4.0s" in line and "1 earlier run" in line
    (line,) = advice(platform(a=0, b=2, c=3), [], NOTHING)
    assert line.startswith("waves 0, 2 and 3 ")
    assert "6.0s" in line and "3 s" in line
