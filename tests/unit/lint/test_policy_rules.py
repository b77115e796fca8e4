"""How Applications are synced, and how long an object may be."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.gitops import schemas
from bootstrap.kubernetes.documents import manifests
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.policy import ANNOTATIONS_LIMIT, applied_size, check
from tests.lint_objects import tree

AUTOMATED = "automated: {prune: true, selfHeal: true}, retry: {limit: 5}"
LATER = "---\nkind: Application\nmetadata: {name: z, annotations: {argocd.argoproj.io/sync-wave: '9'}}\n"


def rules(text: str) -> list[str]:
    return [one.rule for one in check(tree(text), Graph())]


def policy(text: str) -> str:
    return f"kind: Application\nmetadata: {{name: a}}\nspec: {{project: default, syncPolicy: {{{text}}}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (AUTOMATED, []),
        ("automated: {prune: true, selfHeal: true}", ["sync-without-retry"]),
        ("automated: {prune: true}, retry: {limit: 5}", ["sync-policy-partial"]),
        ("automated: {}, retry: {limit: 5}", ["sync-policy-partial"]),
        ("automated: {enabled: false}", ["sync-not-automated"]),
        ("automated: null", ["sync-not-automated"]),
        ("retry: {limit: 5}", ["sync-not-automated"]),
    ],
)
def test_how_it_is_synced(text: str, expected: list[str]) -> None:
    assert rules(policy(text) + LATER) == expected


def test_nobody_waits_for_the_last_one() -> None:
    assert rules(policy("retry: {limit: 5}")) == []


@pytest.mark.parametrize(
    ("version", "floats"),
    [
        ("1.2.3", False),
        ("v1.2.3", False),
        ("1.2.3-rc.1", False),
        ("*", True),
        ("1.x", True),
        (">=1.2.0", True),
        ("^1.2.3", True),
        ("1.2", True),
    ],
)
def test_chart_versions(version: str, floats: bool) -> None:
    source = json.dumps({"repoURL": "https://charts.example.com", "chart": "c", "targetRevision": version})
    text = (
        f"kind: Application\nmetadata: {{name: a}}\nspec: {{source: {source}, syncPolicy: {{{AUTOMATED}}}}}\n"
    )
    assert rules(text) == (["chart-version-floats"] if floats else [])


def long(size: int, options: str = "", own: str = "") -> list[Finding]:
    data = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "x" * size}})
    item = data.replace('"data"', f'"metadata": {{"name": "c", "annotations": {{{own}}}}}, "data"')
    app = policy(f"syncOptions: [{options}], {AUTOMATED}")
    return list(check(tree(f"{app}---\n{item}\n"), Graph()))


SSA = '"argocd.argoproj.io/sync-options": "ServerSideApply=true"'


def test_what_is_too_long_for_client_side_apply() -> None:
    assert long(ANNOTATIONS_LIMIT - 1000) == []
    assert [one.rule for one in long(ANNOTATIONS_LIMIT)] == ["object-too-long-to-apply"]
    assert long(ANNOTATIONS_LIMIT, "ServerSideApply=true") == []
    assert long(ANNOTATIONS_LIMIT, "Replace=true") == []
    assert long(ANNOTATIONS_LIMIT, own=SSA) == []
    assert long(ANNOTATIONS_LIMIT, "ServerSideApply=true", SSA.replace("true", "false")) != []


def test_the_exact_length() -> None:
    item = {"a": "é"}
    name = "kubectl.kubernetes.io/last-applied-configuration"
    assert applied_size(item) == len(name) + len('{"a":"é"}'.encode()) + 1


WORDS = st.text("abc XYZ", min_size=1, max_size=30).map(str.strip).filter(bool)
SCHEMAS = st.recursive(
    WORDS, lambda inner: st.dictionaries(st.text("abc", min_size=1), inner, min_size=1), max_leaves=20
)


@settings(max_examples=30)
@given(st.dictionaries(st.text("abc", min_size=1), SCHEMAS, min_size=1))
def test_the_length_left_of_a_schema_is_at_most_the_real_one(schema: dict[str, object]) -> None:
    """It must never say too long of what fits."""
    item = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "c"},
        "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]},
    }
    content = yaml.safe_dump(item).encode()
    once = schemas.without(content)
    (short,) = manifests(once)
    (again,) = manifests(schemas.without(yaml.safe_dump(short).encode()))  # as kustomize writes it anew
    assert once.count(b"\n") == content.count(b"\n")
    assert applied_size(again) == applied_size(short)
    overhead = len('{"x-left-out":123456}')
    assert applied_size(short) <= applied_size(item) + overhead
