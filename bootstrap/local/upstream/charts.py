"""Finds a chart: upstream, else in the cache, else among the toolchain's files, else a stand-in is made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import yaml

from bootstrap.kubernetes.documents import documents
from bootstrap.local.upstream.client import UpstreamUnreachable
from bootstrap.local.upstream.demand import endpoint
from bootstrap.local.upstream.origins import Headers, Origins, UpstreamRefused, get
from bootstrap.local.upstream.standin import build_chart
from bootstrap.local.upstream.versions import best, inside

log = logging.getLogger(__name__)
_INDEX_SECONDS = 300.0


@dataclass(frozen=True)
class ServedChart:
    content: bytes
    origin: str


class Charts:
    """Finds charts. Safe to use from threads."""

    def __init__(self, origins: Origins, now: Callable[[], float] = time.monotonic) -> None:
        self._client, self._cache, self._share = origins.client, origins.cache, origins.share
        self._definitions, self._journal = origins.definitions, origins.journal
        self._now = now
        self._indexes: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def upstream_entries(self, repository: str, chart: str, headers: Headers) -> list[dict[str, Any]] | None:
        """The chart's entries in the index of the upstream repository; None if that cannot be reached.

        Raises UpstreamRefused if the repository refuses.
        """
        if not self._client.reachable(repository):
            return None
        try:
            entries = self._index(repository, headers).get("entries")
        except UpstreamUnreachable as error:
            log.warning("%s", error)
            return None
        found = entries.get(chart) if isinstance(entries, dict) else None
        return found if isinstance(found, list) else []

    def local_versions(self, repository: str, chart: str, wanted: Iterable[str]) -> list[str]:
        """For each version or range one that is available here: the best one kept, else an invented one."""
        kept = (*self._cache.chart_versions(repository, chart), *self._share.chart_versions(chart))
        found = (best(one, kept) or inside(one) for one in wanted)
        return sorted({one for one in found if one})

    def from_repository(self, repository: str, chart: str, version: str, headers: Headers) -> ServedChart:
        """A chart of a Helm repository. Raises UpstreamRefused."""
        entries = self.upstream_entries(repository, chart, headers)
        if entries is not None:
            content = self._download(repository, entries, version, headers)
            if content is not None:
                self.keep(repository, chart, version, content)
                return ServedChart(content, "upstream")
        return self.local(repository, chart, version)

    def keep(self, repository: str, chart: str, version: str, content: bytes) -> None:
        """Cache a chart from upstream, and record it."""
        self._cache.keep_chart(repository, chart, version, content)
        self._journal.record(f"{repository}/{chart}", version, "upstream")

    def local(self, repository: str, chart: str, version: str) -> ServedChart:
        """Without asking upstream."""
        kept = self._cache.chart(repository, chart, version) or self._share.chart(chart, version)
        if kept is not None:
            found = ServedChart(kept, "cache")
        else:
            found = ServedChart(build_chart(self._definitions.chart(chart), chart, version), "stand-in")
        self._journal.record(f"{repository}/{chart}", version, found.origin)
        return found

    def _download(
        self, repository: str, entries: list[dict[str, Any]], version: str, headers: Headers
    ) -> bytes | None:
        """None if upstream fails: then a local chart has to do."""
        entry = next((one for one in entries if str(one.get("version")) == version), None)
        if entry is None or not entry.get("urls"):
            raise UpstreamRefused(404, f"{repository} has no version {version} of this chart")
        url = urljoin(f"{repository}/", str(entry["urls"][0]))
        if endpoint(url) != endpoint(repository):
            headers = {}  # never send this repository's credentials to another host
        try:
            return get(self._client, url, headers)
        except UpstreamUnreachable as error:
            log.warning("%s", error)
            return None

    def _index(self, repository: str, headers: Headers) -> dict[str, Any]:
        with self._lock:
            read_at, index = self._indexes.get(repository, (float("-inf"), {}))
        if self._now() - read_at < _INDEX_SECONDS:
            return index
        try:
            index = next(documents(get(self._client, f"{repository}/index.yaml", headers)), {})
        except yaml.YAMLError as error:
            raise UpstreamUnreachable(f"{repository}/index.yaml is no YAML: {error}") from error
        with self._lock:
            self._indexes[repository] = (self._now(), index)
        return index
