"""Serves Git's smart HTTP protocol, read-only, by running the CGI program `git http-backend`."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from bootstrap.core.git import READING
from bootstrap.local.upstream.message import HttpRequest, HttpResponse, text

log = logging.getLogger(__name__)
_PIECE = 65536


class GitService:
    """Serves one bare repository at `repo_url`, with or without the suffix `.git`."""

    def __init__(self, repo_url: str, repository: Path) -> None:
        self._base = _without_suffix(unquote(urlsplit(repo_url).path))
        self._repository = repository

    def serves(self, request: HttpRequest) -> bool:
        return self._inside(request) is not None

    def answer(self, request: HttpRequest) -> HttpResponse:
        inside = self._inside(request)
        if inside is None or not self._repository.is_dir():
            return text(404, f"there is no repository at {request.path}")
        with tempfile.TemporaryFile() as body:
            shutil.copyfileobj(request.body, body)
            length = body.tell()
            body.seek(0)
            process = subprocess.Popen(
                ["git", "http-backend"],
                env=self._environment(request, inside, length),
                stdin=body,
                stdout=subprocess.PIPE,
            )
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        status, headers = _head(process.stdout)
        return HttpResponse(status, headers, _rest(process, process.stdout))

    def _inside(self, request: HttpRequest) -> str | None:
        """The path inside the repository; None if the request is for something else."""
        path = unquote(request.path)
        for base in (f"{self._base}.git/", f"{self._base}/"):
            if path.startswith(base):
                return "/" + path.removeprefix(base)
        return None

    def _environment(self, request: HttpRequest, inside: str, length: int) -> dict[str, str]:
        """The variables of CGI (RFC 3875), without the caller's own."""
        given = {
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        }
        return {
            **READING,
            **{name: value for name, value in given.items() if value},
            "GIT_PROJECT_ROOT": str(self._repository),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": inside,
            "QUERY_STRING": request.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_LENGTH": str(length),
            "REMOTE_ADDR": "127.0.0.1",
        }


def _without_suffix(path: str) -> str:
    return path.rstrip("/").removesuffix(".git")


def _head(output: IO[bytes]) -> tuple[int, dict[str, str]]:
    headers: dict[str, str] = {}
    while line := output.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip()] = value.strip()
    if not headers:
        return 500, {}
    return int(headers.pop("Status", "200").split()[0]), headers


def _rest(process: subprocess.Popen[bytes], output: IO[bytes]) -> Iterator[bytes]:
    try:
        while piece := output.read1(_PIECE):  # type: ignore[attr-defined]
            yield piece
    finally:
        output.close()
        if process.wait() != 0:
            log.warning("git http-backend ended with %s", process.returncode)
