"""Serves files of the toolchain's Go modules: for exactly those versions they are the originals."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from bootstrap.kubernetes.documents import documents
from bootstrap.local.upstream.standin import archive

_ARGOCD_FILE = re.compile(
    r"/argoproj/argo-cd/(?P<version>[^/]+)/manifests/(?P<path>install\.yaml|crds/[^/]+\.yaml)$"
)
_ESO_BUNDLE = re.compile(r"/external-secrets/external-secrets/(?P<version>[^/]+)/deploy/crds/bundle\.yaml$")
_COMMITS = {"f6b47d56d1a5e86eaa3176b40bd00a86598b417e": "v0.19.2"}  # of the tag, which manifests/crds names
_ESO_CHART = "external-secrets"
_CRDS = "templates/crds/"  # generated upstream at release time
_BRACES = re.compile(r"\{\{|\}\}")


class ToolchainFiles:
    """`folder` is the toolchain's share folder. Whatever is missing there is not served."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, url: str) -> bytes | None:
        """The file at a pinned URL of the upstream repository."""
        if (found := _ARGOCD_FILE.search(url)) and found["version"] == self._argocd_version:
            return self._read(f"argocd/{found['path']}")
        if (found := _ESO_BUNDLE.search(url)) and _version(found["version"]) == self._eso_version:
            return self._read("external-secrets/crds.yaml")
        return None

    def chart(self, chart: str, version: str) -> bytes | None:
        """The chart as an archive. ESO's repository keeps the CRDs beside the chart, its releases inside."""
        if chart != _ESO_CHART or version.removeprefix("v") != self._eso_version:
            return None
        root = self._folder / "external-secrets" / "chart"
        files = {
            f"{chart}/{file.relative_to(root).as_posix()}": file.read_bytes()
            for file in sorted(root.rglob("*"))
            if file.is_file() and _CRDS not in file.relative_to(root).as_posix()
        }
        bundle = self._read("external-secrets/crds.yaml") or b""
        return archive({**files, f"{chart}/{_CRDS}bundle.yaml": _on_demand(bundle)})

    def chart_versions(self, chart: str) -> tuple[str, ...]:
        return (self._eso_version,) if chart == _ESO_CHART and self._eso_version else ()

    @cached_property
    def _argocd_version(self) -> str:
        install = self._read("argocd/install.yaml") or b""
        found = re.search(rb"image: \S*/argocd:(\S+)", install)
        return found[1].decode() if found else ""

    @cached_property
    def _eso_version(self) -> str:
        chart = self._read("external-secrets/chart/Chart.yaml")
        return str(next(documents(chart))["version"]) if chart else ""

    def _read(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except OSError:
            return None


def _version(ref: str) -> str:
    """Of a tag, or of a commit that is known to be one."""
    return _COMMITS.get(ref, ref).removeprefix("v")


def _on_demand(bundle: bytes) -> bytes:
    """Turn CRDs into a template that obeys `installCRDs`, and escape the braces in their descriptions."""
    escaped = _BRACES.sub(lambda braces: f"{{{{ `{braces[0]}` }}}}", bundle.decode())
    return f"{{{{- if .Values.installCRDs }}}}\n{escaped}\n{{{{- end }}}}\n".encode()
