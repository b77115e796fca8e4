"""Routes a request to its service: GitOps repository, chart repository, registry, file, or upstream."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from bootstrap.local.upstream.cache import Cache
from bootstrap.local.upstream.charts import Charts
from bootstrap.local.upstream.client import UpstreamClient
from bootstrap.local.upstream.config import Config
from bootstrap.local.upstream.definitions import load
from bootstrap.local.upstream.demand import Demand, endpoint, is_remote_file
from bootstrap.local.upstream.forward import forward
from bootstrap.local.upstream.git_service import GitService
from bootstrap.local.upstream.helm_repository import HelmRepositories
from bootstrap.local.upstream.journal import Journal
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, text
from bootstrap.local.upstream.oci_registry import OciRegistries
from bootstrap.local.upstream.origins import Origins
from bootstrap.local.upstream.publication import DEMAND, REPOSITORY
from bootstrap.local.upstream.remote_files import RemoteFiles
from bootstrap.local.upstream.toolchain_files import ToolchainFiles


class PublishedDemand:
    """The demand of the work tree published last. `news` is called with it whenever it has changed."""

    def __init__(self, file: Path, news: Callable[[Demand], None] = lambda _: None) -> None:
        self._file, self._news = file, news
        self._seen: tuple[int, int] | None = None
        self._demand = Demand()
        self._lock = threading.Lock()

    @property
    def demand(self) -> Demand:
        with self._lock:
            try:
                facts = self._file.stat()
            except FileNotFoundError:
                return Demand()
            if self._seen != (seen := (facts.st_mtime_ns, facts.st_ino)):
                self._demand, self._seen = Demand.parse(self._file.read_text()), seen
                self._news(self._demand)
            return self._demand


class UpstreamRouter:
    """All services of the proxy."""

    def __init__(self, config: Config, client: UpstreamClient) -> None:
        origins = Origins(
            client,
            Cache(config.cache),
            ToolchainFiles(config.share),
            load(config.standins),
            Journal(config.served),
        )
        charts = Charts(origins)
        self._client = client
        self._git_endpoint = endpoint(config.repo_url)
        self._git = GitService(config.repo_url, config.state / REPOSITORY)
        self._published = PublishedDemand(config.state / DEMAND, lambda demand: client.expect(demand.urls))
        self._helm = HelmRepositories(charts)
        self._oci = OciRegistries(client, charts)
        self._files = RemoteFiles(origins)

    def serves(self, host: str, port: int) -> bool:
        return (host.lower(), port) == self._git_endpoint or self._published.demand.serves(host, port)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Raises UpstreamUnreachable."""
        demand = self._published.demand
        if endpoint(request.url) == self._git_endpoint and self._git.serves(request):
            return self._git.answer(request)
        if request.path.startswith("/v2/") and _is_registry(request, demand):
            return self._oci.answer(request, demand.charts)
        if request.method in {"GET", "HEAD"}:
            answer = self._helm.answer(request, demand.charts)
            if answer is not None:
                return answer
            if is_remote_file(request.url):
                return self._files.answer(request)
        if self._client.reachable(request.url):
            return forward(self._client, request)
        return text(404, f"{request.url} cannot be reached, and the manifests do not name it")


def _is_registry(request: HttpRequest, demand: Demand) -> bool:
    urls = [*(chart.repository for chart in demand.charts if chart.oci), *demand.registries]
    return any(url.startswith("oci://") and endpoint(url) == endpoint(request.url) for url in urls)
