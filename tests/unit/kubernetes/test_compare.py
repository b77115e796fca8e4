"""What Git has and the cluster has not: a table of objects, and properties of the two looks."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bootstrap.kubernetes.argo import ARGOCD_MANAGER, LAST_APPLIED, TRACKING
from bootstrap.kubernetes.compare import as_applied, certain, differences, partial_differences, shown, unlike
from bootstrap.kubernetes.objects import Json

MANIFEST: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "web", "image": "web:1", "cpu": "1000m"}]}},
    },
}
OWNED = {
    "f:metadata": {"f:labels": {"f:app": {}}, "f:annotations": {f"f:{TRACKING}": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {
            "f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}}}}
        },
    },
}
MARK = {TRACKING: "web:apps/Deployment:shop/web"}


def live(**changes: Any) -> Json:
    """MANIFEST as the API server returns it, applied by Argo CD; "1000m" is written as "1"."""
    item = copy.deepcopy(MANIFEST)
    item["metadata"] |= {
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "annotations": MARK | changes.get("annotations", {}),
        "managedFields": [
            {"manager": ARGOCD_MANAGER, "operation": changes.get("operation", "Apply"), "fieldsV1": OWNED}
        ],
    }
    item["spec"]["template"]["spec"]["containers"][0]["cpu"] = changes.get("cpu", "1000m")
    item["spec"] |= {"paused": False, **changes.get("spec", {})}
    item["status"] = {"replicas": 2}
    return item


def wanted(manifest: Json, there: Json) -> Json:
    return as_applied(manifest, there, "shop")


def test_as_applied_keeps_the_mark_and_nothing_of_the_server() -> None:
    made = as_applied({**MANIFEST, "status": {"replicas": 9}}, live(), "shop")
    assert made["metadata"] == {**MANIFEST["metadata"], "namespace": "shop", "annotations": MARK}
    assert "status" not in made
    assert "namespace" not in as_applied(made, live(), "")["metadata"]


def test_what_is_live_as_written_is_certain() -> None:
    assert certain(wanted(MANIFEST, live()), live())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("label", "new"),
        ("image", "web:2"),
        ("written otherwise", "1"),
    ],
)
def test_what_reads_otherwise_is_not_certain(part: str, value: str) -> None:
    manifest, there = copy.deepcopy(MANIFEST), live()
    if part == "label":
        manifest["metadata"]["labels"]["team"] = value
    elif part == "image":
        manifest["spec"]["template"]["spec"]["containers"][0]["image"] = value
    else:
        there = live(cpu=value)
    assert not certain(wanted(manifest, there), there)


def test_a_field_that_git_gave_up_is_not_certain() -> None:
    manifest = copy.deepcopy(MANIFEST)
    del manifest["spec"]["replicas"]
    assert not certain(wanted(manifest, live()), live())


def test_the_case_of_server_side_diff() -> None:
    """A label is added to an object that has no labels at all: Argo CD saw no difference."""
    there: Json = {
        "apiVersion": "databases.spotahome.com/v1",
        "kind": "RedisFailover",
        "metadata": {"name": "cache", "namespace": "shop", "annotations": MARK},
        "spec": {"redis": {"replicas": 3}},
    }
    manifest = {**there, "metadata": {"name": "cache", "labels": {"team": "shop"}}}
    made = wanted(manifest, there)
    assert not certain(made, there)
    assert differences(made, there, made) == (("metadata", "labels", "team"),)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"replicas": 3}, ["spec.replicas"]),
        ({"replicas": 2}, []),
        ({"paused": True}, ["spec.paused"]),
        ({"strategy": {}}, []),
        ({"strategy": {"type": "Recreate"}}, ["spec.strategy.type"]),
    ],
    ids=str,
)
def test_differences_are_those_of_the_dry_run(change: Json, found: list[str]) -> None:
    predicted = live(spec=change)
    predicted["metadata"]["resourceVersion"] = "8"
    predicted["status"] = {}
    assert [*map(shown, differences(wanted(MANIFEST, live()), live(), predicted))] == found


def applied_before(**spec: Any) -> Json:
    """Live, applied client-side with this spec besides."""
    before = copy.deepcopy(MANIFEST)
    before["spec"] |= spec
    return live(operation="Update", annotations={LAST_APPLIED: json.dumps(before)}, spec=spec)


def test_what_a_client_side_apply_should_have_removed() -> None:
    there = applied_before(minReadySeconds=5)
    made = wanted(MANIFEST, there)
    assert not certain(made, there)
    assert differences(made, there, there) == (("spec", "minReadySeconds"),)


def test_what_a_client_side_apply_should_have_removed_from_a_list() -> None:
    there = applied_before(volumes=[{"name": "a"}, {"name": "b"}])
    manifest = copy.deepcopy(MANIFEST)
    manifest["spec"]["volumes"] = [{"name": "b"}]
    assert differences(wanted(manifest, there), there, there) == (("spec", "volumes", 0),)


def test_what_others_set_is_no_difference() -> None:
    there = live(operation="Update", annotations={LAST_APPLIED: json.dumps(MANIFEST)}, spec={"paused": True})
    assert certain(wanted(MANIFEST, there), there)


def test_a_partial_manifest_is_looked_at_as_far_as_it_goes() -> None:
    crd = {"spec": {"names": {"kind": "Shop"}, "preserveUnknownFields": False, "versions": [{"name": "v1"}]}}
    there = {"spec": {"names": {"kind": "Shop", "listKind": "ShopList"}, "versions": [{"name": "v1"}]}}
    assert partial_differences(crd, there) == ()
    there["spec"]["versions"][0]["name"] = "v2"  # type: ignore[index]
    assert [*map(shown, partial_differences(crd, there))] == ["spec.versions[0].name"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("spec", "containers", 0, "image"), "spec.containers[0].image"),
        (("metadata", "labels", "app.kubernetes.io/name"), 'metadata.labels["app.kubernetes.io/name"]'),
        ((), ""),
    ],
)
def test_shown(path: tuple[str | int, ...], words: str) -> None:
    assert shown(path) == words


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.builds(lambda spec: {"kind": "A", "metadata": {"name": "a"}, "spec": spec}, VALUES)


@given(OBJECTS)
def test_nothing_differs_from_itself(item: Json) -> None:
    assert certain(item, item)
    assert differences(item, item, item) == ()


@given(OBJECTS, OBJECTS)
@example(*({"kind": "A", "metadata": {"name": "a"}, "spec": [["a", item]]} for item in ({}, {"y": "b"})))
@example(*({"kind": "A", "metadata": {"name": "a"}, "spec": [item]} for item in ({}, {"y": "b"})))
def test_what_is_certain_has_no_difference_when_it_is_merged(manifest: Json, there: Json) -> None:
    """A dry run merges mappings, and lists of mappings item by item, and replaces other lists; where reading
    is certain, that changes nothing."""
    if certain(manifest, there):
        assert differences(manifest, there, merged(there, manifest)) == ()
    else:
        assert any(unlike(manifest, there))


@given(OBJECTS, st.dictionaries(st.sampled_from("pq"), st.integers(0, 3)))
def test_fields_of_others_do_not_matter(item: Json, more: Json) -> None:
    there = {**item, "metadata": {**item["metadata"], "labels": more}}
    assert certain(item, there)


def merged(base: Any, change: Any) -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        return {
            key: merged(base.get(key), change[key]) if key in change else base[key]
            for key in {**base, **change}
        }
    if mappings(base) and mappings(change) and len(base) == len(change):
        return list(map(merged, base, change))
    return change


def mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
