"""Prints the software bill of materials, in CycloneDX 1.6: the package, what it needs, and the toolchain.

    make sbom     writes bootstrap.cdx.json

Everything is read from the pins themselves, so it says what an installation may consist of, and not what
happens to be installed here. The hash of a Go module is that of go.sum: over its files, not of an archive.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from bootstrap.local.toolchain import prebuilt, provider
from bootstrap.local.toolchain.keys import MODULES
from bootstrap.local.toolchain.recipes import GO, RECIPES, TerraformWheel

ROOT = Path(__file__).resolve().parent.parent
_PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)
_REQUIRED = re.compile(r"^(?:require )?\t?(\S+\.\S+/?\S*) (v\S+)(?: // indirect)?$", re.MULTILINE)
_REPLACED = re.compile(r"^(?:replace )?\t?(\S+)(?: v\S+)? => (\S+) (v\S+)$", re.MULTILINE)
_SUM = re.compile(r"^(\S+) (v\S+) h1:(\S+)$", re.MULTILINE)


def bom() -> Bom:
    """The package with all components below it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        purl=PackageURL("pypi", None, project["name"], project["version"]),
        description=project["description"],
    )
    made = Bom()
    made.metadata.component = package
    components = {component.bom_ref.value: component for component in (*packages(), *modules(), *programs())}
    made.components.update(components.values())
    made.register_dependency(package, components.values())
    for component in components.values():
        made.register_dependency(component)
    return made


def packages() -> Iterator[Component]:
    """Of PyPI, with the local platform's. Their many files' hashes are in the file that is read here."""
    text = (ROOT / ".ci" / "requirements" / "local.txt").read_text(encoding="utf-8")
    for name, version in _PIN.findall(text):
        yield _component(PackageURL("pypi", None, name, version))


def modules() -> Iterator[Component]:
    """Go modules that the programs are built from."""
    for folder in sorted(MODULES.iterdir()):
        required = (folder / "go.mod").read_text(encoding="utf-8")
        replaced = {old: (new, version) for old, new, version in _REPLACED.findall(required)}
        sums = {
            found[:2]: found[2] for found in _SUM.findall((folder / "go.sum").read_text(encoding="utf-8"))
        }
        for pin in _REQUIRED.findall(required):
            module, version = replaced.get(pin[0], pin)
            space, _, name = module.rpartition("/")
            digest = sums.get((module, version), "")
            yield _component(PackageURL("golang", space, name, version), base64.b64decode(digest).hex())


def programs() -> Iterator[Component]:
    """What comes built: wheels, the AWS provider and releases."""
    wheels = (GO, *(recipe for recipe in RECIPES if isinstance(recipe, TerraformWheel)))
    for wheel in wheels:
        name, _, version = wheel.requirement.partition("==")
        yield _component(PackageURL("pypi", None, name, version), wheel.sha256)
    name = "terraform-provider-aws"
    yield _component(PackageURL("generic", "hashicorp", name, provider.VERSION), provider.SHA256)
    for name, pin in json.loads(prebuilt.PINS.read_text(encoding="utf-8")).items():
        release = prebuilt.Release(**pin)
        yield _component(PackageURL("generic", None, name, release.version), release.sha256, release.url)


def _component(purl: PackageURL, sha256: str = "", url: str = "") -> Component:
    """A library with its purl for a reference."""
    reference = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(url)) if url else None
    return Component(
        name="/".join(filter(None, (purl.namespace, purl.name))),
        version=purl.version,
        type=ComponentType.LIBRARY if purl.type in {"pypi", "golang"} else ComponentType.APPLICATION,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else None,
        external_references=[reference] if reference else None,
    )


if __name__ == "__main__":
    sys.stdout.write(JsonV1Dot6(bom()).output_as_string(indent=2) + "\n")
