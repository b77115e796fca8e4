"""Runs the proxy in this process, to render manifests without a platform."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bootstrap.config.model import Gitops
from bootstrap.core.rendering import Outside
from bootstrap.core.scratch import scratch
from bootstrap.local.pki.authority import Authority, write_bundle
from bootstrap.local.upstream import journal
from bootstrap.local.upstream.client import HttpClient
from bootstrap.local.upstream.config import Config, environment
from bootstrap.local.upstream.proxy import ProxyServer
from bootstrap.local.upstream.publication import publish
from bootstrap.local.upstream.services import UpstreamRouter


@contextmanager
def serve(like: Config, gitops: Gitops, hidden: Iterable[Path] = ()) -> Iterator[Outside]:
    """Serve the work tree as it is now, on a free port and from a temporary folder.

    A running platform does not notice. `hidden` files are not served.
    Raises ConfigError and ToolError if the work tree cannot be read.
    """
    with scratch("upstream") as folder:
        config = replace(like, port=0, state=folder)
        publish(gitops.checkout, config.state, gitops.repo_url, gitops.revision, hidden=hidden)
        authority = Authority.open(config.state)
        write_bundle(config.bundle, authority)
        client = HttpClient(str(config.bundle), offline=config.offline)
        router = UpstreamRouter(config, client)
        with ProxyServer(0, config.password, authority, router, client) as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            try:
                way = environment(server.port, config.password, config.state)
                yield Outside(way, lambda: journal.read(config.served))
            finally:
                server.shutdown()
                thread.join()
