"""Render manifests with the real programs: `helm template` and `kustomize build`.

The same programs do it inside Argo CD, so what is installed from outside first is what Argo CD finds later.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.core.errors import ToolError
from bootstrap.core.scratch import scratch
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Json

_SECONDS = 180.0


@dataclass(frozen=True)
class Chart:
    """A released chart. `repository` is an http(s) or oci URL; without a scheme it is an OCI registry."""

    repository: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"chart {self.name} {self.version} of {self.repository}"


@dataclass(frozen=True)
class Parameter:
    """One value by its path (`--set`); `string`: whatever it looks like."""

    name: str
    value: str
    string: bool = False

    @property
    def arguments(self) -> list[str]:
        """A comma would begin the next parameter, except in a list in braces."""
        value = self.value if self.value.startswith("{") else self.value.replace(",", r"\,")
        return ["--set-string" if self.string else "--set", f"{self.name}={value}"]


@dataclass(frozen=True)
class Release:
    """How a chart is installed. `values` are merged in order, then `parameters`; the last one wins."""

    name: str
    namespace: str
    values: tuple[Mapping[str, Any], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    include_crds: bool = True
    kubernetes_version: str | None = None
    api_versions: tuple[str, ...] = ()


def helm_template(
    helm: Path, chart: Chart, release: Release, environment: Mapping[str, str], timeout: float = _SECONDS
) -> list[Json]:
    """Every object of the chart, hooks too, tests not. `environment` is added to ours; `timeout` in seconds.

    Raises ToolError.
    """
    with scratch("helm") as folder:
        command = [str(helm), "template", release.name, *_source(chart), "--version", chart.version]
        command += ["--namespace", release.namespace, "--skip-tests"]
        command += ["--include-crds"] if release.include_crds else ["--skip-crds"]
        command += ["--kube-version", release.kubernetes_version] if release.kubernetes_version else []
        for version in release.api_versions:
            command += ["--api-versions", version]
        for parameter in release.parameters:
            command += parameter.arguments
        for number, values in enumerate(release.values):
            # A file that only we can read: values may hold secrets, arguments are seen by everyone.
            file = folder / f"values-{number}.json"
            file.write_text(json.dumps(values))
            command += ["--values", str(file)]
        # Its own cache, so that a read-only home is no obstacle and nothing stale is used.
        extra = {**environment, "HELM_CACHE_HOME": f"{folder}/cache", "TMPDIR": str(folder)}
        output = _run(command, extra, f"helm could not render {chart}", timeout)
    return _objects(output, f"helm's output for {chart} is no YAML")


def kustomize_build(
    kustomize: Path, folder: Path, environment: Mapping[str, str], timeout: float = _SECONDS
) -> list[Json]:
    """Every object of the kustomization in `folder`. As with `helm_template`."""
    what = f"kustomize could not build {folder}"
    output = _run([str(kustomize), "build", str(folder)], environment, what, timeout)
    return _objects(output, f"kustomize's output for {folder} is no YAML")


def _source(chart: Chart) -> list[str]:
    if chart.repository.startswith(("http://", "https://")):
        return [chart.name, "--repo", chart.repository]
    return [f"oci://{chart.repository.removeprefix('oci://').rstrip('/')}/{chart.name}"]


def _run(command: list[str], extra: Mapping[str, str], what: str, timeout: float) -> bytes:
    try:
        result = subprocess.run(
            command,
            env={**os.environ, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise ToolError(what, f"{command[0]} was not found", "bootstrap doctor") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            what, f"no answer within {timeout:.0f} s", "check the network, then run it again"
        ) from error
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip() or f"exit {result.returncode}"
        raise ToolError(what, words, f"try it by hand: {' '.join(_typed(command))}")
    return result.stdout


def _typed(command: list[str]) -> list[str]:
    """The command without our temporary files."""
    end = command.index("--values") if "--values" in command else len(command)
    return [Path(command[0]).name, *command[1:end]]


def _objects(output: bytes, what: str) -> list[Json]:
    try:
        return manifests(output)
    except yaml.YAMLError as error:
        raise ToolError(what, str(error), "please report this") from error
