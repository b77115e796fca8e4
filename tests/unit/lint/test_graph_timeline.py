"""Which of two objects is there first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.gitops.model import Manifest, Tree
from bootstrap.lint.graph import Ordering, Timeline
from tests.lint_objects import tree

APP = (
    'kind: Application\nmetadata: {{name: {0}, annotations: {{argocd.argoproj.io/sync-wave: "{1}"}}}}\n---\n'
)
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {0}, annotations: {{{1}}}}}\n---\n"
SET = "kind: ApplicationSet\nmetadata: {name: set, annotations: {argocd.argoproj.io/sync-wave: '60'}}\n---\n"
MADE = """kind: Application
metadata:
  name: {0}
  annotations: {{argocd.argoproj.io/sync-wave: "{1}"{2}}}
  ownerReferences: [{{kind: ApplicationSet, name: set}}]
---
"""


def of(found: Tree, called: str) -> Manifest:
    everything = (*found.installed, *found.manifests)
    return next(one for one in everything if one.item["metadata"]["name"] == called)


def order(text: str, first: str = "a", second: str = "b") -> Ordering:
    found = tree(text)
    return Timeline(found).order(of(found, first), of(found, second))


def config(called: str, notes: str = "") -> str:
    return MAP.format(called, notes)


def wave(number: int) -> str:
    return f"argocd.argoproj.io/sync-wave: '{number}'"


def hook(phase: str) -> str:
    return f"argocd.argoproj.io/hook: {phase}"


ONE_APP = APP.format("one", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (APP.format("one", 1) + config("a") + APP.format("two", 2) + config("b"), Ordering.BEFORE),
        (APP.format("one", 2) + config("a") + APP.format("two", 1) + config("b"), Ordering.AFTER),
        (APP.format("one", 1) + config("a") + APP.format("two", 1) + config("b"), Ordering.RACE),
        # waves inside two Applications of one wave mean nothing to each other
        (
            APP.format("one", 1) + config("a", wave(-5)) + APP.format("two", 1) + config("b", wave(5)),
            Ordering.RACE,
        ),
        (ONE_APP + config("a") + config("b"), Ordering.TOGETHER),
        (ONE_APP + config("a", wave(-1)) + config("b"), Ordering.BEFORE),
        (ONE_APP + config("a", wave(9)) + config("b", hook("PostSync")), Ordering.BEFORE),
        (ONE_APP + config("a", hook("PreSync")) + config("b", wave(-9)), Ordering.BEFORE),
        (ONE_APP + config("a") + config("b", hook("PreSync")), Ordering.AFTER),
        (ONE_APP + config("a", "helm.sh/hook: pre-install") + config("b"), Ordering.BEFORE),
        (ONE_APP + config("a", "helm.sh/hook-weight: '3'") + config("b", wave(4)), Ordering.BEFORE),
        (ONE_APP + config("a") + config("b", hook("SyncFail")), Ordering.BEFORE),
        (ONE_APP + config("a", hook("'PreDelete,PreSync'")) + config("b"), Ordering.BEFORE),
        (
            ONE_APP + config("a", f"{hook('PreDelete')}, helm.sh/hook: pre-install") + config("b"),
            Ordering.BEFORE,
        ),
        # installed before the root
        (config("a") + ONE_APP + config("b"), Ordering.BEFORE),
        (config("b") + ONE_APP + config("a"), Ordering.AFTER),
        # what one set makes goes together, whatever waves it writes there, unless a RollingSync has steps
        (SET + MADE.format("x", 1, "") + config("a") + MADE.format("y", 2, "") + config("b"), Ordering.RACE),
        (
            SET
            + MADE.format("x", 9, ", example/rolling-sync-step: '0'")
            + config("a")
            + MADE.format("y", 1, ", example/rolling-sync-step: '1'")
            + config("b"),
            Ordering.BEFORE,
        ),
        (APP.format("one", 59) + config("a") + SET + MADE.format("x", 1, "") + config("b"), Ordering.BEFORE),
    ],
)
def test_order(text: str, expected: Ordering) -> None:
    assert order(text) is expected


def nested(name: str, number: int, parent: str) -> str:
    return (
        f"kind: Application\nmetadata: {{name: {name}, labels: {{parent: {parent}}}, "
        f'annotations: {{argocd.argoproj.io/sync-wave: "{number}"}}}}\n---\n'
    )


def test_children_are_as_early_as_their_parents() -> None:
    text = (
        APP.format("p", 1)
        + APP.format("q", 2)
        + nested("late", 99, "p")
        + config("a")
        + nested("early", -99, "q")
        + config("b")
    )
    assert order(text) is Ordering.BEFORE


def test_a_parents_own_objects_are_ordered_with_its_children() -> None:
    text = APP.format("p", 1) + config("a", wave(3)) + nested("child", 4, "p") + config("b", wave(-7))
    assert order(text) is Ordering.BEFORE
    assert order(text.replace('"4"', '"3"')) is Ordering.RACE
    assert order(text.replace('"4"', '"2"')) is Ordering.AFTER


_APPS = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from(["", "PreSync", "PostSync"])),
    min_size=2,
    max_size=6,
)
_OPPOSITE = {Ordering.BEFORE: Ordering.AFTER, Ordering.AFTER: Ordering.BEFORE}


def _many(drawn: list[tuple[int, int, str]]) -> tuple[Timeline, tuple[Manifest, ...]]:
    found = tree(
        "".join(
            APP.format(f"app-{number}", outer)
            + config(f"one-{number}", ", ".join(filter(None, (wave(inner), phase and hook(phase)))))
            + config(f"two-{number}")
            for number, (outer, inner, phase) in enumerate(drawn)
        )
    )
    return Timeline(found), found.manifests


@given(_APPS)
def test_seen_from_the_other_one_it_is_the_other_way_round(drawn: list[tuple[int, int, str]]) -> None:
    timeline, items = _many(drawn)
    for one in items:
        for other in items:
            seen = timeline.order(one, other)
            assert timeline.order(other, one) is _OPPOSITE.get(seen, seen)


@given(_APPS)
def test_before_is_transitive(drawn: list[tuple[int, int, str]]) -> None:
    timeline, items = _many(drawn)
    for one in items:
        later = [item for item in items if timeline.order(one, item) is Ordering.BEFORE]
        for two in later:
            for three in items:
                if timeline.order(two, three) is Ordering.BEFORE:
                    assert three in later


def test_an_application_that_holds_itself_ends() -> None:
    found = tree(APP.format("one", 1) + config("a") + APP.format("two", 1) + config("b"))
    apps = tuple(replace(app, parent="one") for app in found.apps)
    circular = replace(found, apps=apps)
    assert Timeline(circular).order(of(circular, "a"), of(circular, "b")) in set(Ordering)
