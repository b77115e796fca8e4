"""What is not in Git: charts and remote files, each fetched once and kept when its version is exact."""

from __future__ import annotations

import json
import os
import re
import ssl
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from bootstrap.core.errors import BootstrapError
from bootstrap.core.rendering import Outside, Rendering
from bootstrap.gitops.chartfile import ChartArchive
from bootstrap.gitops.destinations import refused
from bootstrap.gitops.problems import Unknown
from bootstrap.gitops.programs import Failed, Programs, Way
from bootstrap.gitops.store import Store, digest

STAND_IN = "stand-in"
STAND_INS_LAST = 86400.0  # seconds; upstream may answer tomorrow
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_PINNED = re.compile(r"(?:^|[/=@_-])(?:v?\d+\.\d+(?:\.\d+)?[\w.+-]*|[0-9a-f]{40})(?=$|[/&?])")
_FILE = re.compile(r"^https?://[^?#]+\.(?:ya?ml|json)(?:[?#]|$)")
_CHARTS = frozenset({"http", "https", "oci"})  # of other schemes, plug-ins are run
_ODD = re.compile(r"[\x00-\x1f\x7f]")
_OPTION = re.compile(r"(?:^|=)-")  # git would take it for an option
_SECONDS = 60.0
_PIECE = 1 << 16
LARGEST = 64 << 20  # bytes of a remote file
_WRAPPED = re.compile(r"<urlopen error (?:\[Errno -?\d+\] )?(.*)>")


@dataclass(frozen=True)
class Fetched:
    """`content` is YAML, or a chart's archive; `origin` is upstream, cache or stand-in, "" when unknown."""

    content: bytes
    version: str
    origin: str

    @property
    def suffix(self) -> str:
        return " (stand-in)" if self.origin == STAND_IN else ""


class Fetcher:
    """Use as a context manager: the way outside is opened by the first fetch that is not in the store."""

    def __init__(self, programs: Programs, store: Store, rendering: Rendering) -> None:
        self._programs, self._store, self._rendering = programs, store, rendering
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._opened: Outside | BootstrapError | None = None
        self._fetched: dict[str, Future[Fetched]] = {}

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.__exit__(None, None, None)

    @property
    def key(self) -> str:
        return self._rendering.key

    def way(self) -> Outside:
        """Raises Unknown when there is none."""
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._stack.enter_context(self._rendering.open())
                except BootstrapError as error:
                    self._opened = error
        if isinstance(self._opened, BootstrapError):
            raise Unknown(f"there is no way outside: {self._opened}", self._opened.cure)
        return self._opened

    def chart(self, repository: str, name: str, version: str) -> Fetched:
        """The archive of a released chart. Raises Unknown, ToolError."""
        exact = bool(_EXACT.fullmatch(version))
        key = digest("chart", repository, name, version, self.key)
        return self._once(key, exact, lambda: self._pull(repository, name, version))

    def file(self, url: str) -> Fetched:
        """What kustomize makes of a remote resource, file or base. Raises Unknown, ToolError."""
        key = digest("remote", url, self.key, self._programs.identity)
        return self._once(key, bool(_PINNED.search(url)), lambda: self._download(url))

    # ------------------------------------------------------------------------------------------------

    def _once(self, key: str, exact: bool, fetch: Callable[[], Fetched]) -> Fetched:
        """Of all that ask for the same, one fetches, the others wait for it."""
        with self._lock:
            mine = key not in self._fetched
            future = self._fetched.setdefault(key, Future())
        if mine:
            try:
                future.set_result(self._kept(key, exact, fetch))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def _kept(self, key: str, exact: bool, fetch: Callable[[], Fetched]) -> Fetched:
        if exact and (plain := self._store.get(key)) is not None:
            found = _load(plain)
            if found.origin != STAND_IN or self._store.get(key, STAND_INS_LAST) is not None:
                return found
        found = fetch()
        if exact:
            self._store.put(key, _dump(found))
        return found

    def _pull(self, repository: str, name: str, version: str) -> Fetched:
        url = _url(repository)
        if url.partition("://")[0].lower() not in _CHARTS or _ODD.search(f"{url} {name} {version}"):
            raise Unknown(f"charts are not fetched from {repository}", "use an https or oci URL")
        outside = self.way()
        _require_elsewhere(url, outside)
        with tempfile.TemporaryDirectory(dir=self._programs.home) as folder:
            command = ["pull", f"--destination={folder}", *([f"--version={version}"] if version else ())]
            try:
                self._programs.helm([*command, *_named(repository, name)], _way(outside, url))
            except Failed as error:
                cure = "check repoURL, chart, targetRevision, the network and your credentials for it"
                raise Unknown(
                    f"helm could not get {name} {version} of {repository}: {error}", cure
                ) from error
            content = next(Path(folder).glob("*.tgz")).read_bytes()
        found = ChartArchive(content).version or version
        return Fetched(content, found, _origin(outside, f"{url}/{name}", found))

    def _download(self, url: str) -> Fetched:
        if _ODD.search(url) or _OPTION.search(url):
            raise Unknown(f"{url} is not fetched", "use an https URL with a plain path and ref")
        outside = self.way()
        _require_elsewhere(url, outside)
        try:
            content = get(url, outside.environment) if _FILE.search(url) else self._base(url, outside)
        except (Failed, OSError, HTTPException) as error:
            cure = "check the URL, the network and your credentials for it"
            raise Unknown(f"{url} could not be fetched: {_plainly(error)}", cure) from error
        return Fetched(content, "", _origin(outside, url, ""))

    def _base(self, url: str, outside: Outside) -> bytes:
        """Of a folder in another Git repository, built there."""
        with tempfile.TemporaryDirectory(dir=self._programs.home) as folder:
            (Path(folder) / "kustomization.yaml").write_text(json.dumps({"resources": [url]}))
            try:
                return self._programs.kustomize(["build", folder], _way(outside, url))
            except Failed as error:
                raise Failed(str(error).replace(folder, "").strip().rpartition("\n")[2]) from error


def _require_elsewhere(url: str, outside: Outside) -> None:
    """Raises Unknown."""
    try:
        address = refused(url, names=not _proxies(outside.environment))
    except ValueError as error:
        raise Unknown(f"{url} is no URL: {error}", "correct it") from error
    if address:
        raise Unknown(f"{url} is not fetched: {address} serves this machine's secrets", "name another host")


class _Redirects(HTTPRedirectHandler):
    """Follows no redirect to where nothing is fetched from."""

    def redirect_request(self, *given: Any) -> Request | None:
        *_, newurl = given
        if address := refused(newurl):
            raise OSError(f"it redirects to {address}, which serves this machine's secrets")
        return super().redirect_request(*given)


def _plainly(error: Exception) -> str:
    """Without what urllib and kustomize wrap around it."""
    wrapped = _WRAPPED.fullmatch(str(error))
    return wrapped[1] if wrapped else str(error).lstrip(": ")


def get(url: str, environment: Mapping[str, str]) -> bytes:
    """A download as a program with that environment would do it. Raises OSError."""
    trusted = ssl.create_default_context(cafile={**os.environ, **environment}.get("SSL_CERT_FILE") or None)
    opener = build_opener(ProxyHandler(_proxies(environment)), HTTPSHandler(context=trusted), _Redirects())
    deadline = time.monotonic() + _SECONDS
    content = bytearray()
    with opener.open(url, timeout=_SECONDS) as answer:
        while piece := answer.read1(_PIECE):
            content += piece
            if len(content) > LARGEST or time.monotonic() > deadline:
                raise OSError(f"it is larger than {LARGEST >> 20} MiB, or took more than {_SECONDS:.0f} s")
    return bytes(content)


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """By scheme, as a program with that environment, added to ours, takes them."""
    named = {**os.environ, **environment}
    return {
        scheme: found
        for scheme in ("http", "https")
        if (found := named.get(f"{scheme}_proxy") or named.get(f"{scheme.upper()}_PROXY"))
    }


def _named(repository: str, name: str) -> list[str]:
    if urlsplit(repository).scheme in {"http", "https"}:
        return [f"--repo={repository}", "--", name]
    return ["--", f"{_url(repository)}/{name}"]


def _way(outside: Outside, url: str) -> Way:
    return Way(outside.environment, urlsplit(url).hostname or "")


def _url(repository: str) -> str:
    """Without a scheme it is an OCI registry, as Argo CD has it."""
    bare = repository.rstrip("/")
    return bare if "://" in bare else f"oci://{bare}"


def _origin(outside: Outside, source: str, version: str) -> str:
    said = [one for one in outside.served() if one.source == source]
    exact = [one for one in said if one.version == version]
    return (exact or said)[-1].origin if said else ""


def _dump(found: Fetched) -> list[Any]:
    return [b64encode(found.content).decode(), found.version, found.origin]


def _load(plain: list[Any]) -> Fetched:
    return Fetched(b64decode(plain[0]), plain[1], plain[2])
