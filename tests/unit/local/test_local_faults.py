"""Faults: the catalogue, the files they become, and what the world does besides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.config.load import load as configuration
from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.diagnosis.causes.catalogue import BY_ID
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Json, Key, Kind, dig, name
from bootstrap.local.faults import fault as faults
from bootstrap.local.faults.cluster import BEFORE, FORBIDDEN_GROUP, ROLE, InjectedFaults, marks, rules
from bootstrap.local.faults.fault import Fault, Rehearsal, choose, parse
from bootstrap.local.faults.overlay import injected_faults, merge, overlay
from bootstrap.local.faults.pods import FAILURES, LABEL
from bootstrap.targets import aws

ROOT = Path(__file__).parents[3]
FAULTS = faults.load()
NODE = Kind("", "Node")


@pytest.fixture(scope="module")
def config() -> Environment:
    return configuration(ROOT / "bootstrap.yaml", "local")


def laid(
    config: Environment, *given: Fault, wave: int = 11, root: dict[str, str] | None = None
) -> dict[str, str]:
    return overlay(map(Rehearsal, given), config, wave, root or {})


def applications(files: dict[str, str], config: Environment) -> list[Json]:
    tops = [text for path, text in files.items() if path.startswith(f"{config.gitops.path}/")]
    return [item for text in tops for item in yaml.safe_load_all(text)]


def test_every_fault_is_a_known_cause_and_there_are_enough_of_them() -> None:
    assert len(FAULTS) >= 27
    assert {each.name for each in FAULTS} <= BY_ID.keys()
    assert all(each.summary for each in FAULTS)


@pytest.mark.parametrize("given", FAULTS, ids=lambda each: each.name)
def test_a_fault_is_one_application_with_a_project_and_folders_of_its_own(
    given: Fault, config: Environment
) -> None:
    files = laid(config, given)
    tops = applications(files, config)
    project, *apps = tops
    assert name(project) == name(apps[-1]) == f"fault-{given.name}"
    assert all(dig(each, "spec", "project") == name(project) for each in apps)
    waves = [int(dig(each, "metadata", "annotations", "argocd.argoproj.io/sync-wave")) for each in tops]
    assert waves[0] == 9
    assert waves[-1] == 11
    assert waves == sorted(set(waves)), "they go in turn"
    others = {path for path in files if not path.startswith(config.gitops.path)}
    assert all(path.startswith(".faults/") for path in others)
    paths = {dig(each, "spec", "source", "path") for each in apps}
    assert {path.rpartition("/")[0].removesuffix("/templates") for path in others} <= paths


@pytest.mark.parametrize("given", [each for each in FAULTS if not each.files], ids=lambda each: each.name)
def test_its_manifests_are_whole_and_go_into_its_own_namespace(given: Fault, config: Environment) -> None:
    files = laid(config, given)
    items = [item for path, text in files.items() if path.startswith(".faults/") for item in manifests(text)]
    spaces = {dig(item, "metadata", "namespace") for item in items} - {None}
    assert spaces <= {f"fault-{given.name}"}
    assert all("$" not in text for path, text in files.items() if path.startswith(".faults/"))
    made = any(item["kind"] == "Namespace" for item in items)
    assert made == (given.namespace and bool(items))
    for item in items:
        fate = dig(item, "spec", "template", "metadata", "annotations", LABEL)
        assert fate is None or fate in FAILURES


def test_pods_keep_off_a_node_that_fails_but_not_off_taints_of_the_role_map(config: Environment) -> None:
    (given,) = [each for each in FAULTS if each.name == "node-not-ready"]
    (deployment,) = [
        item
        for path, text in laid(config, given).items()
        if path.endswith("fault.yaml")
        for item in manifests(text)
    ]
    pod = dig(deployment, "spec", "template", "spec")
    assert pod["tolerations"] == [{"key": "domain", "operator": "Exists"}]
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": "monitoring"}
    assert injected_faults([Rehearsal(given)], config) == InjectedFaults(node="monitoring")


def test_a_fault_without_the_node_it_needs_is_refused(config: Environment) -> None:
    (given,) = [each for each in FAULTS if each.name == "unschedulable-taint"]
    bare = replace(config, nodes=tuple(replace(node, taints=()) for node in config.nodes))
    with pytest.raises(UsageError, match="needs a node with a taint"):
        laid(bare, given)


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ({}, "fault-x.yaml"),
        ({"Chart.yaml": ""}, "templates/fault-x.yaml"),
        ({"kustomization.yaml": "resources: [a.yaml]"}, "fault-x.yaml"),
    ],
)
def test_it_is_put_where_the_root_application_finds_it(
    config: Environment, root: dict[str, str], path: str
) -> None:
    files = laid(config, Fault("x", "", manifests="kind: A"), root=root)
    assert f"{config.gitops.path}/{path}" in files
    if "kustomization.yaml" in root:
        changed = yaml.safe_load(files[f"{config.gitops.path}/kustomization.yaml"])
        assert changed["resources"] == ["a.yaml", "fault-x.yaml"]
        assert [yaml.safe_load(one)["target"]["name"] for one in changed["transformers"]] == ["fault-x"]


def test_its_application_and_project_may_differ(config: Environment) -> None:
    given = parse("x", "summary: s\napplication: {spec: {source: {targetRevision: v9, path: null}}}")
    (_, app) = applications(laid(config, given), config)
    assert app["spec"]["source"] == {"repoURL": config.gitops.repo_url, "targetRevision": "v9"}


def test_choosing() -> None:
    assert choose("crash-loop").wave is None
    assert choose("crash-loop@-3").wave == -3
    with pytest.raises(UsageError, match="crash"):
        choose("crash")
    with pytest.raises(UsageError, match="'soon'"):
        choose("crash-loop@soon")


def test_another_target_refuses(config: Environment) -> None:
    with pytest.raises(UsageError, match="is refused") as caught:
        aws.build(replace(config, target="aws"), ("crash-loop",))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
    [
        ({"a": 1, "b": {"c": 2}}, {"b": {"c": None, "d": 3}}, {"a": 1, "b": {"d": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ],
)
def test_a_merge_patch(base: Any, patch: Any, merged: Any) -> None:
    before = json.dumps(base)
    assert merge(base, patch) == merged
    assert json.dumps(base) == before


# -- faults of the cluster ---------------------------------------------------------------------------


def test_an_order_is_kept_and_none_is_read_where_there_is_none(tmp_path: Path) -> None:
    assert InjectedFaults.read(tmp_path / "none") == InjectedFaults()
    InjectedFaults(denied=True, node="a").write(tmp_path / "order")
    assert InjectedFaults.read(tmp_path / "order") == InjectedFaults(denied=True, node="a")


def test_a_node_is_marked_while_it_is_ordered_and_then_no_more() -> None:
    well: Json = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "a"}}
    ill: Json = {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": "b", "annotations": {LABEL: "NotReady"}},
    }
    assert marks([well, ill], InjectedFaults(node="b")) == {}
    assert marks([well, ill], InjectedFaults(node="a")) == {
        Key(NODE, "", "a"): "NotReady",
        Key(NODE, "", "b"): None,
    }
    assert marks([well, ill], InjectedFaults()) == {Key(NODE, "", "b"): None}


def test_a_right_is_taken_and_given_back_as_it_was() -> None:
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role: Json = {"metadata": {"name": ROLE.name}, "rules": everything}
    taken = rules(role, {"", "apps", FORBIDDEN_GROUP}, denied=True)
    assert taken is not None
    writing = [rule for rule in taken["rules"] if rule["verbs"] == ["*"] and "apiGroups" in rule]
    assert [rule["apiGroups"] for rule in writing] == [["", "apps"]]
    role = {"metadata": {"name": ROLE.name, **taken["metadata"]}, "rules": taken["rules"]}
    again = rules(role, {""}, denied=True)
    assert again is not None
    assert again["metadata"] == taken["metadata"], "what was before is kept, however often it is taken"
    given = rules(role, (), denied=False)
    assert given == {"metadata": {"annotations": {BEFORE: None}}, "rules": everything}
    assert rules({"metadata": {}, "rules": everything}, (), denied=False) is None
