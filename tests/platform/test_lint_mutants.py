"""The linter against platform A broken in hundreds of ways, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootstrap.config.load import load
from bootstrap.gitops.model import Tree
from bootstrap.gitops.reader import Reader
from bootstrap.lint import graph, rules
from bootstrap.lint.order import Before, renumber
from bootstrap.lint.rules import order
from bootstrap.local.toolchain import Toolchain
from bootstrap.targets import open_target
from tests.lint_mutants import Mutant, moved, mutants, orders, waves

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]

# What no manifest tells: known, and each with its reason.
MISSED = {
    "external-secrets-cert-controller": "that it writes the webhook's certificate stands in its code alone",
    "grafana-admin": "the stand-in of Grafana's chart does not mount it; the chart itself does",
    "eco2-pguser-": "PGO makes such a Secret itself, only with another password",
}


@pytest.fixture(scope="module")
def platform_a(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    Toolchain.locate(ROOT).ensure(lambda _: None, threading.Event())
    config = load(ROOT / "bootstrap.yaml", "local", values=False)
    target = open_target(config)
    cache = tmp_path_factory.mktemp("cache")
    return Reader(config, target.tools, target.tool_environment, cache, target.rendering).tree()


def test_nothing_is_wrong_with_platform_a(platform_a: Tree) -> None:
    assert rules.check(platform_a, graph.build(platform_a)) == ()


def test_at_least_95_percent_of_the_mutants_are_found(
    platform_a: Tree, record_property: Callable[[str, object], None]
) -> None:
    made, skipped = mutants(platform_a)
    assert len(made) >= 200
    assert all(":" in reason for reason in skipped)
    missed = [mutant.what for mutant in made if not _found(mutant)]
    record_property("mutants", f"{len(made) - len(missed)} of {len(made)} found, {len(skipped)} are none")
    record_property("missed", missed)
    assert len(missed) <= 0.05 * len(made)
    assert [what for what in missed if not any(known in what for known in MISSED)] == []


def test_numbers_that_keep_the_orders_leave_nothing_to_find(platform_a: Tree) -> None:
    """Renumbered by what `constraints` asks for, every wrong order is right again."""
    wrong = {mutant.what: rules.check(fixed, graph.build(fixed)) for mutant, fixed in _renumbered(platform_a)}
    assert len(wrong) >= 100
    assert {what: found for what, found in wrong.items() if found} == {}


def _renumbered(platform_a: Tree) -> Iterator[tuple[Mutant, Tree]]:
    for mutant in orders(platform_a, []):
        fixed, wanted = mutant.tree, set[Before[str]]()
        # Who asks a webhook depends on the order, so there may be more to keep once it is another one.
        while more := _wanted(fixed) - wanted:
            wanted |= more
            fixed = moved(mutant.tree, renumber(waves(mutant.tree), wanted))
        yield mutant, fixed


def _wanted(found: Tree) -> set[Before[str]]:
    """Orders between what carries a wave: a set in place of its Applications."""
    owner = {app.name: app.set or app.name for app in found.apps}
    orders_ = rules.constraints(found, graph.build(found))
    pairs = {Before(owner[one.first], owner[one.then], one.gap) for one in orders_}
    return {one for one in pairs if one.first != one.then}


def _found(mutant: Mutant) -> bool:
    judged = order.check(mutant.tree, graph.build(mutant.tree))
    return any(finding.rule in mutant.rules for finding in judged)
