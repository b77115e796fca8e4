from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.core.errors import ConfigError
from bootstrap.local.upstream.config import STANDINS
from bootstrap.local.upstream.definitions import Definition, generic, index, load
from bootstrap.local.upstream.standin import build_chart, build_file

DEFINITIONS = Path(__file__).with_name("standins")


def contents(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read().decode()
        return found


def test_the_products_own_definitions_are_valid() -> None:
    for name, definition in load(STANDINS).charts.items():
        assert f"{name}/Chart.yaml" in contents(build_chart(definition, name, "1.0.0"))


def test_a_chart_is_made_of_ordinary_parts() -> None:
    definition = load(DEFINITIONS).chart("queue-operator")
    files = contents(build_chart(definition, "queue-operator", "2.3.4"))
    chart = yaml.safe_load(files["queue-operator/Chart.yaml"])
    assert (chart["name"], chart["version"], chart["apiVersion"]) == ("queue-operator", "2.3.4", "v2")
    crd = yaml.safe_load(files["queue-operator/crds/example.com_queues.yaml"])
    assert crd["metadata"]["name"] == "queues.example.com"
    assert [(one["name"], one["storage"]) for one in crd["spec"]["versions"]] == [("v1", False), ("v2", True)]
    assert crd["spec"]["versions"][0]["subresources"] == {"status": {}}
    assert {"queue-operator/templates/objects.yaml", "queue-operator/extra.yaml"} <= set(files)
    data = files["queue-operator/standin.json"]
    assert "{{fullname}}" not in data
    assert len(json.loads(data)["workloads"]) == 3


def test_the_same_chart_is_the_same_bytes() -> None:
    definition = generic("anything")
    assert build_chart(definition, "anything", "1.0.0") == build_chart(definition, "anything", "1.0.0")
    assert build_chart(definition, "anything", "1.0.0") != build_chart(definition, "anything", "1.0.1")


def test_a_file_holds_everything_with_its_holes_filled() -> None:
    definition = load(DEFINITIONS).file("https://files.example.com/operators/v1/broker.yaml")
    assert definition is not None
    objects: list[Any] = list(yaml.safe_load_all(build_file(definition)))
    assert [one["kind"] for one in objects] == [
        "CustomResourceDefinition",
        "ServiceAccount",
        "Deployment",
        "Service",
        "Namespace",
    ]
    deployment, service = objects[2], objects[3]
    pod = deployment["spec"]["template"]
    assert deployment["metadata"]["namespace"] == "broker-system"
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "broker-credentials"}}]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["spec"]["ports"] == [
        {"name": "port-443", "port": 443, "targetPort": 9443, "protocol": "TCP"}
    ]


def test_the_longest_suffix_wins_and_a_crd_is_found_by_its_name() -> None:
    short = Definition.model_validate({"match": {"url_suffix": "/install.yaml"}})
    long = Definition.model_validate({"match": {"url_suffix": "/b/install.yaml"}})
    chart = Definition.model_validate(
        {
            "match": {"chart": "c"},
            "crds": [{"group": "g.io", "kind": "Thing", "plural": "things", "versions": ["v1"]}],
        }
    )
    definitions = index([short, long, chart])
    assert definitions.file("https://x/b/install.yaml") is long
    assert definitions.file("https://x/c/install.yaml") is short
    found = definitions.file("https://x/crd/bases/g.io_things.yaml")
    assert found is not None
    assert [crd.kind for crd in found.crds] == ["Thing"]
    assert definitions.file("https://x/other.yaml") is None


def test_an_unknown_chart_has_a_deployment_and_an_account() -> None:
    definition = index([]).chart("unheard-of")
    assert [one.kind for one in definition.workloads] == ["Deployment"]
    assert [one.name for one in definition.service_accounts] == ["{{fullname}}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("match: {}", "exactly one of"),
        ("match: {chart: a}\nworkload: []", "workload"),
        ("match: {chart: a}\nservices: [{name: s, ports: [1], selector_of: w}]", "no workload 'w'"),
        ("match: {chart: a}\nworkloads: [{kind: Pod, containers: [{image: x}]}]", "kind"),
        ("match: {chart: a", "expected"),
    ],
)
def test_every_bad_definition_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    (tmp_path / "worse.yaml").write_text("[]")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert [Path(problem.where).name for problem in caught.value.problems] == ["bad.yaml", "worse.yaml"]
    assert words in caught.value.problems[0].what
