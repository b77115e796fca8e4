"""ignoreDifferences, as Argo CD reads them."""

from __future__ import annotations

import pytest

from bootstrap.kubernetes.ignored import ANY, Path, Pattern, jq, patterns
from bootstrap.kubernetes.objects import Json

DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "b:1"}]}}},
}


def app(*entries: Json) -> Json:
    return {"spec": {"ignoreDifferences": list(entries)}}


@pytest.mark.parametrize(
    ("expression", "path", "exact"),
    [
        (".spec.replicas", ("spec", "replicas"), True),
        (".webhooks[]?.clientConfig.caBundle", ("webhooks", ANY, "clientConfig", "caBundle"), True),
        (".webhooks[0].clientConfig", ("webhooks", 0, "clientConfig"), True),
        ('.metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c"), True),
        ('.metadata.labels."a.b/c"', ("metadata", "labels", "a.b/c"), True),
        (".spec.containers | .[] | .image", ("spec", "containers", ANY, "image"), True),
        (
            '.spec.containers[] | select(.name == "a") | .image',
            ("spec", "containers", ANY, "image"),
            False,
        ),
        ("to_entries", (), False),
        (".", (), False),
    ],
)
def test_jq(expression: str, path: Path, exact: bool) -> None:
    assert jq(expression) == Pattern(path, exact)


@pytest.mark.parametrize(
    ("entry", "applies"),
    [
        ({"group": "apps", "kind": "Deployment"}, True),
        ({"group": "*", "kind": "*"}, True),
        ({"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop"}, True),
        ({"group": "apps", "kind": "Deployment", "name": "other"}, False),
        ({"group": "", "kind": "Deployment"}, False),
        ({"group": "apps", "kind": "StatefulSet"}, False),
    ],
    ids=str,
)
def test_whom_an_entry_is_for(entry: Json, applies: bool) -> None:
    found = patterns(app({**entry, "jsonPointers": ["/spec/replicas"]}), {}, DEPLOYMENT)
    assert found == ((Pattern(("spec", "replicas")),) if applies else ())


def test_pointers_are_unescaped() -> None:
    entry = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/metadata/labels/a.b~1c~0d"]}
    assert patterns(app(entry), {}, DEPLOYMENT) == (Pattern(("metadata", "labels", "a.b/c~d")),)


def test_settings_of_argo_cd() -> None:
    settings = {
        "resource.customizations.ignoreDifferences.all": "jsonPointers: [/spec/a]",
        "resource.customizations.ignoreDifferences.apps_Deployment": "jqPathExpressions: [.spec.b]",
        "resource.customizations.ignoreDifferences.apps_StatefulSet": "jsonPointers: [/spec/c]",
    }
    assert patterns({}, settings, DEPLOYMENT) == (Pattern(("spec", "a")), Pattern(("spec", "b")))


def test_aggregated_roles() -> None:
    role: Json = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "aggregationRule": {"a": 1},
    }
    settings = {"resource.compareoptions": "ignoreAggregatedRoles: true"}
    assert patterns({}, settings, role) == (Pattern(("rules",)),)
    assert patterns({}, {}, role) == ()


def test_fields_of_other_managers() -> None:
    owned: Json = {
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"b"}': {".": {}, "f:image": {}}}}},
        }
    }
    managed = [{"manager": "autoscaler", "fieldsV1": owned}, {"manager": "x", "fieldsV1": {"f:data": {}}}]
    item = {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "managedFields": managed}}
    entry = {"group": "apps", "kind": "Deployment", "managedFieldsManagers": ["autoscaler"]}
    found = {one.path for one in patterns(app(entry), {}, item)}
    assert ("spec", "replicas") in found
    assert ("spec", "template", "spec", "containers", 1, "image") in found
    assert not any(path[0] == "data" for path in found)


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        (("spec",), ("spec", "replicas"), True),
        (("spec", "replicas"), ("spec",), False),
        (("spec", ANY), ("spec", 3, "image"), True),
        (("spec", ANY), ("spec", "name"), False),
        (("spec", "0"), ("spec", 0), True),
        ((), ("anything",), True),
    ],
    ids=str,
)
def test_covers(pattern: Path, path: Path, covered: bool) -> None:
    assert Pattern(pattern).covers(path) is covered
