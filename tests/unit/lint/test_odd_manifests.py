"""Whatever stands in Git, no rule falls over it: broken manifests are reported, not crashed on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.lint.graph import Graph
from bootstrap.lint.rules import (
    drift,
    hooks,
    installation,
    naming,
    owners,
    patterns,
    policy,
    projects,
    references,
    secrets,
    sets,
    volumes,
)
from tests.lint_objects import tree

FAMILIES = (
    *(drift, hooks, installation, naming, owners, patterns, policy, projects, references, secrets, sets),
    volumes,
)
TREES = [
    tree(text)
    for family in FAMILIES
    for rule in family.RULES
    for text in (rule.text.failing, rule.text.passing)
    if text
]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 7, 1.5, True, "", "x", [], {}, ["x"], {"a": "b"}, [None], [[]]]
)


WHOLE = {("metadata", "name"), ("metadata", "namespace"), ("metadata", "annotations"), ("metadata", "labels")}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field but those that every reader of objects relies on."""
    if len(path) > 1 and path not in WHOLE:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(item: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(item)
    here = made
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return made  # type: ignore[no-any-return]


@settings(max_examples=300)
@given(st.data())
def test_no_rule_falls_over_an_odd_manifest(data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(TREES))
    holders: list[Any] = [*found.apps, *found.sets, *found.installed, *found.manifests]
    victim = data.draw(st.sampled_from(holders))
    path = data.draw(st.sampled_from([*places(victim.item)] or [("metadata", "odd")]))
    odd = replace(victim, item=changed(victim.item, path, data.draw(ODD)))

    def swap(one: Any) -> Any:
        return odd if one is victim else one

    def app(one: App) -> App:
        manifests: tuple[Manifest, ...] = tuple(map(swap, one.manifests))
        here: App = swap(one)
        return replace(here, manifests=manifests)

    made = Tree(
        apps=tuple(map(app, found.apps)),
        sets=tuple(map(swap, found.sets)),
        installed=tuple(map(swap, found.installed)),
        files=found.files,
    )
    for family in FAMILIES:
        for finding in family.check(made, Graph()):
            assert finding.why and finding.cure
