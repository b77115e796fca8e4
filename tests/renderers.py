"""Stand-ins for helm and kustomize that fill in values and list resources: enough for the forms of a root."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bootstrap.core.rendering import Tools
from tests.programs import PYTHON, program

ROOT = Path(__file__).parents[1]
_HOLE = re.compile(r"\{\{ \.(Values\.[\w.]+|Release\.Name|Release\.Namespace) \}\}")


def tools(folder: Path) -> Tools:
    """Programs in that folder, which must exist."""
    made = {
        name: program(folder / name, f'PYTHONPATH="{ROOT}" exec {PYTHON} -m tests.renderers {name} "$@"')
        for name in ("helm", "kustomize")
    }
    return Tools(folder / "terraform", made["helm"], made["kustomize"])


def helm(chart: Path, *flags: str) -> Iterator[str]:
    """`helm template CHART …`: values.yaml, value files in order, then --set and --set-file."""
    values = _values(chart / "values.yaml")
    named = {"Release.Name": "", "Release.Namespace": ""}
    for flag, given in pairwise(flags):
        match flag:
            case "--name-template":
                named["Release.Name"] = given
            case "--namespace":
                named["Release.Namespace"] = given
            case "--values":
                values |= _values(Path(given))
            case "--set" | "--set-file":
                key, _, value = given.partition("=")
                values[key] = Path(value).read_text() if flag == "--set-file" else value
    for file in sorted((chart / "templates").glob("*.yaml")):
        known = {**named, **{f"Values.{key}": str(value) for key, value in values.items()}}
        yield f"---\n# Source: {chart.name}/templates/{file.name}\n{_filled(file.read_text(), known)}"


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda found: known[found[1]], text)


def _values(file: Path) -> dict[str, Any]:
    return (yaml.safe_load(file.read_text()) or {}) if file.is_file() else {}


def kustomize(folder: Path) -> Iterator[str]:
    """`kustomize build FOLDER`: resources, a prefix of their names, transformers that set a name again, and
    where each comes from."""
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    transformers = map(yaml.safe_load, plan.get("transformers", ()))
    patches = {one["target"]["name"]: json.loads(one["patch"]) for one in transformers}
    for path in plan.get("resources", ()):
        for item in yaml.safe_load_all((folder / path).read_text()):
            called = item["metadata"]["name"]
            item["metadata"]["name"] = plan.get("namePrefix", "") + called
            for patch in patches.get(called, ()):
                item["metadata"]["name"] = patch["value"]
            item["metadata"].setdefault("annotations", {})["config.kubernetes.io/origin"] = f"path: {path}\n"
            yield f"---\n{yaml.safe_dump(item)}"


def set_prefix(prefix: str) -> None:
    """`kustomize edit set nameprefix -- PREFIX`, in the folder where it is called."""
    file = Path("kustomization.yaml")
    file.write_text(json.dumps({**yaml.safe_load(file.read_text()), "namePrefix": prefix}))


def main(called: str, verb: str, *arguments: str) -> None:
    if verb == "edit":
        set_prefix(arguments[-1])
    elif called == "helm":
        sys.stdout.writelines(helm(Path(arguments[0]), *arguments[1:]))
    else:
        sys.stdout.writelines(kustomize(Path(arguments[0])))


if __name__ == "__main__":
    main(*sys.argv[1:])
