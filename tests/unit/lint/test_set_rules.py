"""RollingSync selects as the ApplicationSet controller does."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.gitops.sets import selects
from bootstrap.lint.graph import build
from bootstrap.lint.rules.sets import check
from tests.lint_objects import tree


def step(*expressions: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "matchExpressions": [
            dict(zip(("key", "operator", "values"), one, strict=True)) for one in expressions
        ]
    }


@pytest.mark.parametrize(
    ("given", "labels", "selected"),
    [
        (step(), {}, True),
        (step(("env", "In", ["dev", "qa"])), {"env": "qa"}, True),
        (step(("env", "In", ["dev"])), {"env": "qa"}, False),
        (step(("env", "In", ["dev"])), {}, False),
        (step(("env", "NotIn", ["dev"])), {}, True),
        (step(("env", "NotIn", ["dev"])), {"env": "dev"}, False),
        (step(("env", "In", ["dev"]), ("tier", "In", ["api"])), {"env": "dev"}, False),
        (step(("env", "Exists", [])), {"env": "dev"}, False),  # refused in the controller's log only
    ],
)
def test_what_a_step_selects(given: dict[str, Any], labels: dict[str, str], selected: bool) -> None:
    assert selects(given, labels) is selected


def rules(strategy: str, *apps: str, before: str = "") -> list[str]:
    text = f"{before}kind: ApplicationSet\nmetadata: {{name: s}}\nspec: {{{strategy}}}\n"
    for number, more in enumerate(apps):
        text += (
            f"---\nkind: Application\nmetadata: {{name: a{number}, {more}"
            "ownerReferences: [{kind: ApplicationSet, name: s}]}\n"
        )
    found = tree(text)
    return sorted(one.rule for one in check(found, build(found)))


def rolling(*steps: str) -> str:
    return f"strategy: {{type: RollingSync, rollingSync: {{steps: [{', '.join(steps)}]}}}}"


FIRST = "{matchExpressions: [{key: g, operator: In, values: ['1']}]}"
STOPPED = "{matchExpressions: [{key: g, operator: In, values: ['1']}], maxUpdate: 0}"
ONE = "labels: {g: '1'}, "


def parameters(value: str) -> str:
    key = "applicationsetcontroller.enable.progressive.syncs"
    name = "argocd-cmd-params-cm"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{key}: '{value}'}}\n---\n"


CONTROLLER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-applicationset-controller}
spec: {template: {spec: {containers: [{args: [--enable-progressive-syncs]}]}}}
---
"""


@pytest.mark.parametrize(
    ("strategy", "apps", "before", "expected"),
    [
        ("generators: []", [ONE, ONE], "", []),
        (rolling(FIRST), [ONE, ONE], "", []),
        (rolling(FIRST), [ONE, ""], "", ["rolling-sync-never"]),
        (rolling(STOPPED), [ONE], "", ["rolling-sync-never"]),
        (rolling(FIRST, FIRST.replace("'1'", "'2'")), [ONE], "", ["rolling-sync-empty-step"]),
        (rolling(FIRST), [ONE], parameters("true"), []),
        (rolling(FIRST), [ONE], parameters("false"), ["rolling-sync-disabled"]),
        (rolling(FIRST), [ONE], parameters("false") + CONTROLLER, []),
        ("strategy: {type: RollingSync}", [ONE], parameters("false"), []),  # without rollingSync it is none
        (rolling(), [ONE], parameters("true"), ["rolling-sync-empty-step"]),
    ],
)
def test_sets(strategy: str, apps: list[str], before: str, expected: list[str]) -> None:
    assert rules(strategy, *apps, before=before) == expected


def test_applications_of_a_set_that_need_each_other_are_an_error() -> None:
    text = """\
kind: ApplicationSet
metadata: {name: s}
---
kind: Application
metadata: {name: a, ownerReferences: [{kind: ApplicationSet, name: s}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
kind: Application
metadata: {name: b, ownerReferences: [{kind: ApplicationSet, name: s}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop}
"""
    found = tree(text)
    (one,) = check(found, build(found))
    assert (one.rule, one.severity, one.other) == (
        "appset-order-ignored",
        "error",
        "Namespace shop of Application a",
    )
