"""Serves charts of OCI registries, for pulling (OCI distribution specification).

Requests to a reachable registry are forwarded, and the charts in its responses cached. Otherwise the response
is made from the chart's archive, without tokens.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterable
from typing import Any

from bootstrap.kubernetes.documents import documents
from bootstrap.local.upstream.charts import Charts
from bootstrap.local.upstream.client import UpstreamClient
from bootstrap.local.upstream.demand import ChartDemand, endpoint
from bootstrap.local.upstream.forward import forward, passed_on
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, content, text
from bootstrap.local.upstream.origins import UpstreamRefused, credentials, get

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_PATH = re.compile(r"^/v2/(?P<name>.+)/(?P<what>manifests|blobs|tags)/(?P<reference>[^/]+)$")


class OciRegistries:
    """Serves the registries in demand. Blobs made here stay in memory: charts are small."""

    def __init__(self, client: UpstreamClient, charts: Charts) -> None:
        self._client, self._charts = client, charts
        self._blobs: dict[str, tuple[str, bytes]] = {}  # digest → media type, content
        self._layers: dict[str, tuple[str, str, str]] = {}  # digest → repository, chart, version
        self._lock = threading.Lock()

    def answer(self, request: HttpRequest, demand: Iterable[ChartDemand]) -> HttpResponse:
        found = _PATH.match(request.path)
        if self._client.reachable(request.url):
            return self._upstream(request, found)
        if request.method not in {"GET", "HEAD"}:
            return text(405, "this registry is read-only")
        if not found:
            return (
                content(b"{}", "application/json") if request.path.rstrip("/") == "/v2" else _unknown(request)
            )
        if found["what"] == "blobs" or found["reference"].startswith("sha256:"):
            return self._blob(request, found["reference"])
        repository, chart = _chart(request, found["name"])
        if found["what"] == "tags":
            return self._tags(repository, chart, found["name"], demand)
        return self._manifest(repository, chart, _version(found["reference"]))

    def _upstream(self, request: HttpRequest, found: re.Match[str] | None) -> HttpResponse:
        if found and found["what"] == "manifests" and request.method == "GET":
            return self._upstream_manifest(request, found)
        if found and found["what"] == "blobs" and request.method == "GET":
            with self._lock:
                layer = self._layers.get(found["reference"])
            if layer:
                return self._upstream_layer(request, *layer)
        return forward(self._client, request)

    def _upstream_manifest(self, request: HttpRequest, found: re.Match[str]) -> HttpResponse:
        response = self._client.open("GET", request.url, passed_on(request.headers.items()), redirect=False)
        body = response.read(decode_content=False)
        digest = _layer_digest(body) if response.status == 200 else None
        if digest:
            repository, chart = _chart(request, found["name"])
            with self._lock:
                self._layers[digest] = (repository, chart, _version(found["reference"]))
        return HttpResponse(response.status, passed_on(response.headers.items()), body)

    def _upstream_layer(
        self, request: HttpRequest, repository: str, chart: str, version: str
    ) -> HttpResponse:
        try:
            archive = get(self._client, request.url, credentials(request))
        except UpstreamRefused as error:
            return text(error.status, str(error))
        if not version.startswith("sha256:"):
            self._charts.keep(repository, chart, version, archive)
        return content(archive, _LAYER)

    def _manifest(self, repository: str, chart: str, version: str) -> HttpResponse:
        archive = self._charts.local(repository, chart, version).content
        config = json.dumps(_metadata(archive), default=str).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": self._put(_CONFIG, config),
                "layers": [self._put(_LAYER, archive)],
            }
        ).encode()
        return self._blob_answer(self._put(_MANIFEST, manifest)["digest"])

    def _put(self, kind: str, body: bytes) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        with self._lock:
            self._blobs[digest] = (kind, body)
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    def _blob(self, request: HttpRequest, digest: str) -> HttpResponse:
        return self._blob_answer(digest) if digest in self._blobs else _unknown(request)

    def _blob_answer(self, digest: str) -> HttpResponse:
        kind, body = self._blobs[digest]
        return content(body, kind, **{"Docker-Content-Digest": digest})

    def _tags(self, repository: str, chart: str, name: str, demand: Iterable[ChartDemand]) -> HttpResponse:
        wanted = [one.version for one in demand if (one.repository, one.chart) == (repository, chart)]
        versions = self._charts.local_versions(repository, chart, wanted)
        tags = [version.replace("+", "_") for version in versions]
        return content(json.dumps({"name": name, "tags": tags}).encode(), "application/json")


def _chart(request: HttpRequest, name: str) -> tuple[str, str]:
    host, port = endpoint(request.url)
    place = host if port == 443 else f"{host}:{port}"
    path, _, chart = name.rpartition("/")
    return f"oci://{place}/{path}".rstrip("/"), chart


def _version(tag: str) -> str:
    """Helm writes `_` instead of `+`, which tags do not allow."""
    return tag.replace("_", "+")


def _layer_digest(manifest: bytes) -> str | None:
    try:
        layers = json.loads(manifest).get("layers", [])
        return next((str(one["digest"]) for one in layers if one["mediaType"] == _LAYER), None)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


def _metadata(archive: bytes) -> Any:
    """The content of Chart.yaml in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(one for one in tar if one.name.count("/") == 1 and one.name.endswith("/Chart.yaml"))
        file = tar.extractfile(member)
        return next(documents(file.read())) if file else {}


def _unknown(request: HttpRequest) -> HttpResponse:
    errors = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": f"unknown: {request.path}"}]}
    return HttpResponse(404, {"Content-Type": "application/json"}, json.dumps(errors).encode())
