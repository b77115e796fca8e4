"""A world of canned answers, and a Git work tree."""

from __future__ import annotations

import io
import os
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import urllib3

from bootstrap.local.upstream.cache import Cache
from bootstrap.local.upstream.client import UpstreamUnreachable
from bootstrap.local.upstream.definitions import Definitions
from bootstrap.local.upstream.journal import Journal
from bootstrap.local.upstream.message import HttpRequest, HttpResponse
from bootstrap.local.upstream.origins import Origins
from bootstrap.local.upstream.toolchain_files import ToolchainFiles

Canned = tuple[int, Mapping[str, str], bytes]


class FakeUpstream:
    """Reachable are the hosts of the URLs it has answers for; `asked` are the requests it got."""

    def __init__(self, answers: Mapping[str, bytes | Canned] | None = None, up: tuple[str, ...] = ()) -> None:
        self.answers = dict(answers or {})
        self.up = {*up, *(urlsplit(url).netloc for url in self.answers)}
        self.expected: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def expect(self, urls: Iterable[str]) -> None:
        self.expected = set(urls)

    def reachable(self, url: str) -> bool:
        return urlsplit(url).netloc in self.up

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: BinaryIO | None = None,
        *,
        redirect: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        self.asked.append((method, url, dict(headers or {})))
        if not self.reachable(url):
            raise UpstreamUnreachable(url)
        found = self.answers.get(url, (404, {}, b"no such thing"))
        status, given, content = found if isinstance(found, tuple) else (200, {}, found)
        return urllib3.HTTPResponse(
            io.BytesIO(content), headers=given, status=status, preload_content=False, request_method=method
        )

    def connect(self, host: str, port: int) -> socket.socket:
        raise UpstreamUnreachable(f"{host}:{port}")


def origins(tmp_path: Path, client: FakeUpstream, definitions: Definitions | None = None) -> Origins:
    return Origins(
        client,
        Cache(tmp_path / "cache"),
        ToolchainFiles(tmp_path / "share"),
        definitions or Definitions(),
        Journal(tmp_path / "served.jsonl"),
    )


def get(url: str, method: str = "GET", **headers: str) -> HttpRequest:
    return HttpRequest(method, url, headers, io.BytesIO())


def body(answer: HttpResponse | None) -> bytes:
    assert answer is not None
    assert answer.body is not None
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def git(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**clean, **identity}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def work_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository with one commit that holds the files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "main", ".")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder
