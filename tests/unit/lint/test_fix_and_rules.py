"""Renumbering with the rules themselves: what they find of the order is gone afterwards."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.core.errors import LintError
from bootstrap.gitops.model import Manifest, Tree
from bootstrap.lint import fix, graph, rules
from bootstrap.lint.children import Children
from bootstrap.lint.model import Finding
from bootstrap.lint.order import Before
from bootstrap.lint.rules import order
from tests.unit.lint.trees import application, manifest, tree

NAMES = "abcde"


def orders(found: Tree) -> tuple[Before[str], ...]:
    return rules.constraints(found, graph.build(found))


def late(found: Tree) -> list[Finding]:
    known = {rule.id for rule in order.RULES}
    return [finding for finding in rules.check(found, graph.build(found)) if finding.rule in known]


@st.composite
def platforms(draw: st.DrawFn) -> Tree:
    """Each Application brings a Namespace, and objects and pods that need what others bring, in any wave."""
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    waves = {name: draw(st.integers(-2, 6)) for name in names}
    found = tree({f"{wave:02d}-{name}.yaml": application(name, wave) for name, wave in waves.items()})
    made = {name: [manifest(name, "Namespace", f"of-{name}"), secret(name)] for name in names}
    for user in names:
        for provider in names:
            if draw(st.booleans()) and (provider < user or draw(st.integers(0, 9)) == 0):
                space = f"of-{provider}"
                plain = manifest(user, "ConfigMap", user, space)
                made[user].append(draw(st.sampled_from([plain, pod(user, space)])))
    return replace(
        found,
        apps=tuple(replace(app, manifests=tuple(made.get(app.name, ()))) for app in found.apps),
    )


def secret(name: str) -> Manifest:
    return manifest(name, "Secret", "password", f"of-{name}")


def pod(user: str, space: str) -> Manifest:
    found = manifest(user, "Deployment", user, space, "apps/v1")
    container = {"name": "x", "envFrom": [{"secretRef": {"name": "password"}}]}
    return replace(found, item={**found.item, "spec": {"template": {"spec": {"containers": [container]}}}})


@settings(deadline=None, max_examples=40)
@given(platforms())
def test_after_a_fix_no_rule_of_order_finds_anything(found: Tree) -> None:
    before = late(found)
    try:
        done = fix.plan(found, orders)
    except LintError as error:
        assert " → " in error.why, "it names the cycle"
        assert before
        return
    fixed = fix.moved(found, Children(found), done.moves)
    assert late(fixed) == []
    assert fix.plan(found, orders) == done
    if not before:
        assert done.changes == ()
