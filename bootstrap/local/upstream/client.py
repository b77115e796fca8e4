"""Connects to the real upstream, through the user's proxy if there is one. Each host is probed once."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

PROBE_SECONDS = 2.5
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0


class UpstreamUnreachable(Exception):
    """The upstream did not answer. The message says why."""


@dataclass(frozen=True)
class _Probe:
    """A probe of a host. Without an answer by `until` (monotonic seconds) it counts as unreachable."""

    until: float
    answer: Future[bool] = field(default_factory=Future)


class UpstreamClient(Protocol):
    """What is behind the proxy: the internet, or a fake in tests."""

    def expect(self, urls: Iterable[str]) -> None:
        """Start to probe the hosts of these URLs at the same time, so that nobody waits for each in turn."""
        ...

    def reachable(self, url: str) -> bool:
        """Whether the URL's host answers. It is probed once in the life of the process."""
        ...

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: BinaryIO | None = None,
        *,
        redirect: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; the response's body is not read yet. Raises UpstreamUnreachable."""
        ...

    def connect(self, host: str, port: int) -> socket.socket:
        """Open a connection for a tunnel. Raises UpstreamUnreachable."""
        ...


class HttpClient:
    """The real client. `bundle` is the PEM file of trusted certificates."""

    def __init__(self, bundle: str, *, offline: bool = False) -> None:
        self._offline = offline
        self._tls = ssl.create_default_context(cafile=bundle)
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._probes: dict[str, _Probe] = {}
        self._lock = threading.Lock()

    def expect(self, urls: Iterable[str]) -> None:
        if not self._offline:
            for url in urls:
                self._asked(url)

    def reachable(self, url: str) -> bool:
        if self._offline:
            return False
        asked = self._asked(url)
        try:
            return asked.answer.result(max(0.0, asked.until - time.monotonic()))
        except StillWaiting:
            _settle(asked.answer, answer=False)
            return asked.answer.result()

    def _asked(self, url: str) -> _Probe:
        parts = urlsplit(url)
        scheme = "https" if parts.scheme == "oci" else parts.scheme
        origin = f"{scheme}://{parts.netloc}/"
        with self._lock:
            if origin not in self._probes:
                asked = self._probes[origin] = _Probe(time.monotonic() + PROBE_SECONDS)
                # In a thread of its own, because a name lookup has no time-out.
                threading.Thread(target=self._probe, args=(origin, asked.answer), daemon=True).start()
            return self._probes[origin]

    def _probe(self, origin: str, answer: Future[bool]) -> None:
        try:
            pool = self._pool(origin)
            pool.request("HEAD", origin, timeout=PROBE_SECONDS, retries=False, preload_content=False).close()
        except HTTPError:
            _settle(answer, answer=False)
        else:
            _settle(answer, answer=True)

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: BinaryIO | None = None,
        *,
        redirect: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool(url).request(
                method,
                url,
                headers=dict(headers or {}),
                body=body,
                redirect=redirect,
                retries=urllib3.Retry(connect=1, read=0, redirect=5, status=0, raise_on_redirect=False),
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            )
        except HTTPError as error:
            raise UpstreamUnreachable(f"{urlsplit(url).netloc}: {error}") from error

    def connect(self, host: str, port: int) -> socket.socket:
        proxy = user_proxy("https", host)
        try:
            if proxy is None:
                return socket.create_connection((host, port), _CONNECT_SECONDS)
            return _through(proxy, host, port)
        except OSError as error:
            raise UpstreamUnreachable(f"{host}:{port}: {error}") from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = user_proxy(parts.scheme, parts.hostname or "")
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._make_pool(proxy)
            return self._pools[proxy]

    def _make_pool(self, proxy: str | None) -> urllib3.PoolManager:
        if proxy is None:
            return urllib3.PoolManager(ssl_context=self._tls, maxsize=8)
        headers = {"proxy-authorization": found} if (found := _proxy_authorization(proxy)) else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=self._tls, maxsize=8)


def user_proxy(scheme: str, host: str) -> str | None:
    """The proxy that the user's environment names for this host; None if NO_PROXY exempts it."""
    proxies = urllib.request.getproxies_environment()
    if urllib.request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]
        return None
    found = proxies.get(scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _through(proxy: str, host: str, port: int) -> socket.socket:
    parts = urlsplit(proxy)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), _CONNECT_SECONDS)
    try:
        authorization = _proxy_authorization(proxy)
        lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"Proxy-Authorization: {authorization}"] if authorization else []
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        status = _head(connection).partition(b"\r\n")[0]
        if status.split(b" ")[1:2] != [b"200"]:
            raise ConnectionError(f"the proxy {parts.hostname} answered {status.decode(errors='replace')!r}")
    except BaseException:
        connection.close()
        raise
    return connection


def _head(connection: socket.socket) -> bytes:
    """Read up to the empty line and no byte further: what follows belongs to the tunnel."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(head) > 65536:
            raise ConnectionError("the proxy's answer is cut off")
        head += byte
    return head


def _proxy_authorization(proxy: str) -> str | None:
    parts = urlsplit(proxy)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _settle(future: Future[bool], *, answer: bool) -> None:
    with contextlib.suppress(Exception):  # the other thread was faster, and its answer counts
        future.set_result(answer)
