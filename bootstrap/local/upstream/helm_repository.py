"""Serves classic Helm repositories: `index.yaml` and chart archives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from bootstrap.local.upstream.charts import Charts
from bootstrap.local.upstream.demand import ChartDemand, endpoint
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, content, text
from bootstrap.local.upstream.origins import Headers, UpstreamRefused, credentials

_ARCHIVES = "bootstrap-charts"


class HelmRepositories:
    """Serves the http(s) repositories of the charts in demand."""

    def __init__(self, charts: Charts) -> None:
        self._charts = charts

    def answer(self, request: HttpRequest, demand: Iterable[ChartDemand]) -> HttpResponse | None:
        """None if the request is for none of those repositories."""
        wanted = [one for one in demand if not one.oci and _covers(one.repository, request)]
        for repository in sorted({one.repository for one in wanted}, key=len, reverse=True):
            inside = unquote(request.path).removeprefix(_base(repository)).lstrip("/")
            charts = [one for one in wanted if one.repository == repository]
            try:
                if inside == "index.yaml":
                    return self._index(repository, charts, credentials(request))
                if inside.startswith(f"{_ARCHIVES}/"):
                    return self._archive(repository, inside, credentials(request))
            except UpstreamRefused as error:
                return text(error.status, str(error))
        return None

    def _index(self, repository: str, wanted: list[ChartDemand], headers: Headers) -> HttpResponse:
        """An index of the charts in demand, as JSON: it is valid YAML, and Helm reads it much faster."""
        entries: dict[str, list[dict[str, Any]]] = {}
        for chart in sorted({one.chart for one in wanted}):
            upstream = self._charts.upstream_entries(repository, chart, headers)
            if upstream is None:
                versions = [one.version for one in wanted if one.chart == chart]
                upstream = [
                    {"apiVersion": "v2", "name": chart, "version": version, "appVersion": version}
                    for version in self._charts.local_versions(repository, chart, versions)
                ]
            entries[chart] = [
                {**entry, "urls": [_archive_path(chart, str(entry["version"]))]} for entry in upstream
            ]
        index = {"apiVersion": "v1", "generated": "2000-01-01T00:00:00Z", "entries": entries}
        return content(json.dumps(index, default=str).encode(), "application/yaml")

    def _archive(self, repository: str, inside: str, headers: Headers) -> HttpResponse:
        _, chart, file = inside.split("/", 2)
        chart_file = self._charts.from_repository(repository, chart, file.removesuffix(".tgz"), headers)
        return content(chart_file.content, "application/gzip")


def _archive_path(chart: str, version: str) -> str:
    return f"{_ARCHIVES}/{quote(chart)}/{quote(version)}.tgz"


def _covers(repository: str, request: HttpRequest) -> bool:
    return endpoint(repository) == endpoint(request.url) and unquote(request.path).startswith(
        _base(repository) + "/"
    )


def _base(repository: str) -> str:
    return unquote(urlsplit(repository).path).rstrip("/")
