"""An apply is left out only where it would change nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bootstrap.kubernetes.noop import is_noop
from bootstrap.kubernetes.objects import Json

MANIFEST: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}, "finalizers": ["a"]},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "web:1",
                        "ports": [{"containerPort": 80}],
                        "args": ["--a", "--b"],
                    }
                ]
            }
        },
    },
}
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
FIELDS: Json = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {".": {}, 'v:"a"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"main"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:ports": {PORT: {".": {}, "f:containerPort": {}}},
                    }
                }
            }
        },
    },
}


def live(fields: Json | None = None, **entry: Any) -> Json:
    item = copy.deepcopy(MANIFEST)
    item["metadata"] |= {"uid": "u", "resourceVersion": "7"}
    item["spec"]["strategy"] = {"type": "RollingUpdate"}
    item["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    item["status"] = {"replicas": 2}
    item["metadata"]["managedFields"] = [
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:status": {}}},
        {
            "manager": "bootstrap",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "fieldsV1": fields or FIELDS,
            **entry,
        },
    ]
    return item


def test_nothing_to_do() -> None:
    assert is_noop(MANIFEST, live(), "bootstrap")


@pytest.mark.parametrize(
    "path",
    [
        ("metadata", "labels", "app"),
        ("spec", "replicas"),
        ("spec", "template", "spec", "containers", 0, "image"),
        ("spec", "template", "spec", "containers", 0, "args", 1),
        ("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"),
        ("metadata", "finalizers", 0),
    ],
)
def test_any_field_that_differs_is_applied(path: tuple[Any, ...]) -> None:
    item: Any = live()
    inner = item
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = "other"
    assert not is_noop(MANIFEST, item, "bootstrap")


def test_a_field_that_the_manifest_has_dropped_is_removed_by_an_apply() -> None:
    for drop in (("spec", "replicas"), ("metadata", "labels"), ("metadata", "finalizers")):
        manifest = copy.deepcopy(MANIFEST)
        del manifest[drop[0]][drop[1]]
        assert not is_noop(manifest, live(), "bootstrap")


def test_a_list_item_that_was_dropped_or_added_is_applied() -> None:
    manifest = copy.deepcopy(MANIFEST)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = []
    assert not is_noop(manifest, live(), "bootstrap")
    container["ports"] = [{"containerPort": 80}, {"containerPort": 81}]
    assert not is_noop(manifest, live(), "bootstrap")


@pytest.mark.parametrize("entry", [{"manager": "other"}, {"operation": "Update"}, {"apiVersion": "apps/v2"}])
def test_what_we_never_applied_is_applied(entry: Json) -> None:
    assert not is_noop(MANIFEST, live(**entry), "bootstrap")


def test_true_is_not_one() -> None:
    item = live()
    item["spec"]["replicas"] = 1
    assert not is_noop({**MANIFEST, "spec": {**MANIFEST["spec"], "replicas": True}}, item, "bootstrap")
