"""Serves files that kustomize downloads: from upstream, cache or toolchain, else a stand-in."""

from __future__ import annotations

import logging

from bootstrap.local.upstream.client import UpstreamUnreachable
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, content, text
from bootstrap.local.upstream.origins import Origins, UpstreamRefused, credentials, get
from bootstrap.local.upstream.standin import build_file

log = logging.getLogger(__name__)


class RemoteFiles:
    """Serves single files."""

    def __init__(self, origins: Origins) -> None:
        self._client, self._cache, self._share = origins.client, origins.cache, origins.share
        self._definitions, self._journal = origins.definitions, origins.journal

    def answer(self, request: HttpRequest) -> HttpResponse:
        url = request.url
        try:
            found = self._upstream(request) or self._local(url)
        except UpstreamRefused as error:
            return text(error.status, str(error))
        if found is None:
            return text(404, f"{url} cannot be reached, is not in the cache and has no stand-in")
        body, origin = found
        self._journal.record(url, "", origin)
        return content(body, "text/plain; charset=utf-8")

    def _upstream(self, request: HttpRequest) -> tuple[bytes, str] | None:
        if not self._client.reachable(request.url):
            return None
        try:
            body = get(self._client, request.url, credentials(request))
        except UpstreamUnreachable as error:
            log.warning("%s", error)
            return None
        self._cache.keep_file(request.url, body)
        return body, "upstream"

    def _local(self, url: str) -> tuple[bytes, str] | None:
        kept = self._cache.file(url) or self._share.file(url)
        if kept is not None:
            return kept, "cache"
        definition = self._definitions.file(url)
        return (build_file(definition), "stand-in") if definition else None
