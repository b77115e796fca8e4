"""Nothing is fetched from the service that gives a machine its credentials."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from bootstrap.gitops.destinations import refused
from bootstrap.gitops.fetch import get

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/x.yaml"


@pytest.mark.parametrize(
    "url",
    [
        METADATA,
        "https://169.254.170.2/v2/credentials",
        "http://[fe80::1]/x",
        "http://[fd00:ec2::254]/latest/meta-data",
        "http://[::ffff:169.254.169.254]/x",
        "http://2852039166/x",
        "http://0xa9fea9fe/x",
        "oci://169.254.169.254/charts",
        "https://user@169.254.169.254:443/x",
    ],
)
def test_link_local_addresses_in_any_spelling(url: str) -> None:
    assert refused(url)


def test_a_name_that_leads_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, *_: Any, flags: int, **__: Any) -> list[Any]:
        if host != "rebound.example.com" or flags:
            raise socket.gaierror
        return [(0, 0, 0, "", ("192.0.2.1", 0)), (0, 0, 0, "", ("169.254.169.254", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert refused("https://rebound.example.com/x.yaml") == "169.254.169.254"
    assert refused("https://rebound.example.com/x.yaml", names=False) == "", "the proxy's to look up"
    assert refused("https://known.only.to.the.proxy.example.com/x.yaml") == ""


@pytest.mark.parametrize("url", ["https://192.0.2.1/x", "http://127.0.0.1:8080/x", "http://10.0.0.1/x", "x"])
def test_everything_else_is_left_to_the_network(url: str) -> None:
    assert refused(url) == ""


def test_what_is_no_url() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        refused("http://[/")


@pytest.fixture
def redirecting() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", METADATA)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x.yaml"
        server.shutdown()
        thread.join()


def test_a_redirect_is_not_followed_there(redirecting: str) -> None:
    with pytest.raises(OSError, match=r"169\.254\.169\.254"):
        get(redirecting, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
