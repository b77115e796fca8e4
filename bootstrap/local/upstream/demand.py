"""Finds what the manifests need from outside: charts, files, revisions of their own repository. Pure.

It recognises these shapes anywhere in a document, so in ApplicationSets and values files, too:
an Argo CD source (`repoURL`, `chart`, `targetRevision`), a chart's dependency (`name`, `repository`,
`version`) and kustomize's `helmCharts` (`name`, `repo`, `version`); and remote files of a kustomization.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from bootstrap.kubernetes.argo import same_repository

_REPOSITORY_KEYS = ("repoURL", "repository", "repo", "registry")
_VERSION_KEYS = ("targetRevision", "version", "revision")
_REMOTE_LISTS = ("resources", "bases", "components", "crds")
_PORTS = {"https": 443, "http": 80, "oci": 443}


@dataclass(frozen=True, order=True)
class ChartDemand:
    """`repository` is an http(s) or oci URL without trailing slash; `version` may be a range."""

    repository: str
    chart: str
    version: str

    @property
    def oci(self) -> bool:
        return self.repository.startswith("oci://")


@dataclass(frozen=True)
class Demand:
    """`revisions` are of the GitOps repository itself; `registries` come from repository Secrets."""

    charts: tuple[ChartDemand, ...] = ()
    files: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()

    def serves(self, host: str, port: int) -> bool:
        return any(endpoint(url) == (host.lower(), port) for url in self.urls)

    @property
    def urls(self) -> Iterator[str]:
        """The URLs of everything that may come from the internet."""
        yield from (chart.repository for chart in self.charts)
        yield from self.files
        yield from self.registries

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def parse(cls, text: str) -> Demand:
        plain = json.loads(text)
        lists = {name: tuple(plain[name]) for name in ("files", "revisions", "registries")}
        return cls(tuple(ChartDemand(**chart) for chart in plain["charts"]), **lists)


def collect(documents: Iterable[Any], repo_url: str) -> Demand:
    """Everything that the documents of one tree need. `repo_url` is the tree's own repository."""
    charts: set[ChartDemand] = set()
    files: set[str] = set()
    revisions: set[str] = set()
    registries: set[str] = set()
    for document in documents:
        registries.update(_registries(document))
        for mapping in _mappings(document):
            charts.update(_charts(mapping))
            files.update(_files(mapping))
            revisions.update(_revisions(mapping, repo_url))
    return Demand(tuple(sorted(charts)), *(tuple(sorted(found)) for found in (files, revisions, registries)))


def endpoint(url: str) -> tuple[str, int]:
    """The host (in lower case) and port of a URL."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 443)


def chart_repository(url: str) -> str:
    """The URL of a chart repository. Like in Argo CD, one without a scheme is an OCI registry."""
    url = url.rstrip("/")
    return url if "://" in url else f"oci://{url}"


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _mappings(child)


def _charts(mapping: Mapping[str, Any]) -> Iterator[ChartDemand]:
    name_key = "chart" if "chart" in mapping else "name"
    repository = _text(mapping, _REPOSITORY_KEYS)
    chart, version = _text(mapping, (name_key,)), _text(mapping, _VERSION_KEYS)
    if not (repository and chart and version) or repository.startswith(
        ("file:", "@", "alias:", "git@", "ssh:")
    ):
        return
    if name_key == "name" and "://" not in repository:
        return  # some other mapping with name, repository and version, such as an image
    repository = chart_repository(repository)
    if repository.startswith("oci://") and "/" in chart:  # Argo CD allows a path in the chart's name
        path, _, chart = chart.rpartition("/")
        repository = f"{repository}/{path}"
    yield ChartDemand(repository, chart, version)


def _files(mapping: Mapping[str, Any]) -> Iterator[str]:
    for key in _REMOTE_LISTS:
        entries = mapping.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, str) and is_remote_file(entry):
                yield entry


def is_remote_file(entry: str) -> bool:
    """Whether kustomize downloads this as a file; any other remote entry is a Git repository."""
    parts = urlsplit(entry)
    return parts.scheme in {"http", "https"} and parts.path.endswith((".yaml", ".yml", ".json"))


def _revisions(mapping: Mapping[str, Any], repo_url: str) -> Iterator[str]:
    repository, revision = _text(mapping, ("repoURL",)), _text(mapping, ("targetRevision", "revision"))
    if repository and revision and revision != "HEAD" and same_repository(repository, repo_url):
        yield revision


def _registries(document: Any) -> Iterator[str]:
    """The chart repositories in Argo CD's repository Secrets."""
    if not isinstance(document, dict) or document.get("kind") != "Secret":
        return
    data = document.get("stringData")
    if isinstance(data, dict) and (
        data.get("type") == "helm" or str(data.get("enableOCI")).lower() == "true"
    ):
        url = _text(data, ("url",))
        if url:
            yield chart_repository(url)


def _text(mapping: Mapping[str, Any], keys: Iterable[str]) -> str:
    """The value of the first key that has a literal: neither empty nor a template."""
    for key in keys:
        value = mapping.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            literal = str(value).strip()
            if literal and "{{" not in literal:
                return literal
    return ""
