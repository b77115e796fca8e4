"""AppProjects decide as Argo CD's own methods do; the cases follow its app_project_types tests."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.kubernetes.objects import Kind
from bootstrap.lint.graph import build
from bootstrap.lint.rules.facts import matches
from bootstrap.lint.rules.projects import (
    Destination,
    check,
    permits_destination,
    permits_kind,
    permits_source,
)
from tests.lint_objects import tree

HERE = "https://kubernetes.default.svc"
GIT = "https://github.com/acme/platform.git"


@pytest.mark.parametrize(
    ("pattern", "text", "separator", "expected"),
    [
        ("*", "a/b", "/", True),
        ("a*", "ab/c", "/", False),
        ("a**", "ab/c", "/", True),
        ("a*", "ab/c", "", True),
        ("team-?", "team-a", "", True),
        ("team-[ab]", "team-c", "", False),
        ("team-[!ab]", "team-c", "", True),
        ("{dev,prod}-*", "prod-x", "", True),
        ("a.b", "aXb", "", False),
        ("{a", "{a", "", False),
    ],
)
def test_globs(pattern: str, text: str, separator: str, expected: bool) -> None:
    assert matches(pattern, text, separator) is expected


@pytest.mark.parametrize(
    ("patterns", "url", "permitted"),
    [
        (["*"], GIT, True),
        ([], GIT, False),
        ([GIT], "https://github.com/Acme/platform", True),
        (["https://github.com/acme/*"], GIT, True),
        (["https://github.com/*"], GIT, False),
        (["https://github.com/**"], GIT, True),
        (["*", "!https://github.com/acme/*"], GIT, False),
        (["!https://gitlab.com/**"], GIT, True),
        (["git@github.com:acme/platform.git"], "ssh://git@github.com/acme/platform", True),
        (["registry.example.com/charts"], "registry.example.com/charts", True),
    ],
)
def test_sources(patterns: list[str], url: str, permitted: bool) -> None:
    assert permits_source({"spec": {"sourceRepos": patterns}}, url) is permitted


@pytest.mark.parametrize(
    ("allowed", "there", "permitted"),
    [
        ([{"server": HERE, "namespace": "a"}], Destination(HERE, "in-cluster", "a"), True),
        ([{"server": HERE, "namespace": "a"}], Destination(HERE, "in-cluster", "b"), False),
        ([{"server": "*", "namespace": "team-*"}], Destination(HERE, "in-cluster", "team-x"), True),
        ([{"name": "in-cluster", "namespace": "*"}], Destination(HERE, "in-cluster", "x"), True),
        ([{"name": "prod", "namespace": "*"}], Destination(HERE, "in-cluster", "x"), False),
        ([{"name": "prod", "namespace": "*"}], Destination("https://1.2.3.4", "", "x"), True),  # unknowable
        (
            [{"server": HERE, "namespace": "!kube-system"}],
            Destination(HERE, "in-cluster", "kube-system"),
            False,
        ),
        (
            [{"server": "*", "namespace": "*"}, {"server": HERE, "namespace": "!kube-system"}],
            Destination(HERE, "in-cluster", "kube-system"),
            False,
        ),
        (
            [{"server": "*", "namespace": "*"}, {"server": f"!{HERE}", "namespace": "*"}],
            Destination(HERE, "in-cluster", "x"),
            False,
        ),
        (  # a denied name, like a denied server, is one of its own namespaces only
            [{"server": "*", "namespace": "*"}, {"name": "!in-cluster", "namespace": "kube-*"}],
            Destination(HERE, "in-cluster", "x"),
            True,
        ),
        ([], Destination(HERE, "in-cluster", "x"), False),
    ],
)
def test_destinations(allowed: list[dict[str, str]], there: Destination, permitted: bool) -> None:
    assert permits_destination({"spec": {"destinations": allowed}}, there) is permitted


ROLE = {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
POLICY = {"group": "networking.k8s.io", "kind": "NetworkPolicy"}


@pytest.mark.parametrize(
    ("spec", "entry", "namespaced", "permitted"),
    [
        ({}, ROLE, False, False),
        ({"clusterResourceWhitelist": [ROLE]}, ROLE, False, True),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, ROLE, False, True),
        (
            {"clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "clusterResourceBlacklist": [ROLE]},
            ROLE,
            False,
            False,
        ),
        ({}, POLICY, True, True),
        ({"namespaceResourceBlacklist": [POLICY]}, POLICY, True, False),
        ({"namespaceResourceWhitelist": [ROLE]}, POLICY, True, False),
        ({"namespaceResourceWhitelist": []}, POLICY, True, False),
        (
            {"namespaceResourceWhitelist": [{"group": "networking.k8s.io", "kind": "Network*"}]},
            POLICY,
            True,
            True,
        ),
    ],
)
def test_kinds(spec: dict[str, Any], entry: dict[str, str], namespaced: bool, permitted: bool) -> None:
    kind = Kind(entry["group"], entry["kind"])
    assert permits_kind({"spec": spec}, kind, "one", namespaced=namespaced) is permitted


@pytest.mark.parametrize(
    ("spec", "permitted"),
    [
        ({"clusterResourceWhitelist": [{**ROLE, "name": "team-*"}]}, {"team-a"}),
        ({"clusterResourceWhitelist": [{**ROLE, "name": "other"}, ROLE]}, {"team-a", "platform"}),
        (
            {"clusterResourceWhitelist": [ROLE], "clusterResourceBlacklist": [{**ROLE, "name": "plat*"}]},
            {"team-a"},
        ),
    ],
)
def test_names_of_cluster_scoped_objects(spec: dict[str, Any], permitted: set[str]) -> None:
    kind = Kind(ROLE["group"], ROLE["kind"])
    names = ("team-a", "platform")
    found = {one for one in names if permits_kind({"spec": spec}, kind, one, namespaced=False)}
    assert found == permitted


def test_a_list_of_namespaced_kinds_knows_no_names() -> None:
    spec = {"namespaceResourceBlacklist": [{**POLICY, "name": "other"}]}
    kind = Kind(POLICY["group"], POLICY["kind"])
    assert not permits_kind({"spec": spec}, kind, "one", namespaced=True)


_HOOKED = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{server: "https://kubernetes.default.svc", namespace: shop}]
---
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  project: shop
  destination: {server: "https://kubernetes.default.svc", namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shop, annotations: {NOTE}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: shop, namespace: kube-system, annotations: {NOTE}}
"""


@pytest.mark.parametrize(
    ("note", "denied"),
    [
        ("argocd.argoproj.io/hook: PreDelete", True),
        ("argocd.argoproj.io/hook: PostDelete", True),
        ("helm.sh/hook: pre-delete", True),
        ("helm.sh/hook: 'test, post-delete'", True),
        ("argocd.argoproj.io/hook: Skip", False),
        ("helm.sh/hook: test", False),
    ],
)
def test_deletion_hooks_are_held_against_the_project(note: str, denied: bool) -> None:
    """As in executeHooks (controller/hook.go): a hook that is not permitted keeps the Application."""
    found = tree(_HOOKED.replace("NOTE", note))
    ids = {one.rule for one in check(found, build(found))}
    assert ids == ({"project-kind-denied", "project-destination-denied"} if denied else set())
