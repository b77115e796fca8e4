"""Keeps charts and files from upstream in the user's cache, by URL."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from bootstrap.core.files import write_private


class Cache:
    """A folder of files. If it cannot be written to, nothing is kept; that is not an error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def chart(self, repository: str, chart: str, version: str) -> bytes | None:
        return _read(self._chart_folder(repository, chart) / f"{_segment(version)}.tgz")

    def chart_versions(self, repository: str, chart: str) -> tuple[str, ...]:
        files = self._chart_folder(repository, chart).glob("*.tgz")
        return tuple(sorted(file.name.removesuffix(".tgz") for file in files))

    def keep_chart(self, repository: str, chart: str, version: str, content: bytes) -> None:
        _write(self._chart_folder(repository, chart) / f"{_segment(version)}.tgz", content)

    def file(self, url: str) -> bytes | None:
        return _read(self._place(url, "files") / "content")

    def keep_file(self, url: str, content: bytes) -> None:
        _write(self._place(url, "files") / "content", content)

    def _chart_folder(self, repository: str, chart: str) -> Path:
        return self._place(repository, "charts") / _segment(chart)

    def _place(self, url: str, kind: str) -> Path:
        parts = urlsplit(url)
        segments = [
            _segment(one) for one in (parts.scheme, parts.netloc, *parts.path.split("/"), parts.query) if one
        ]
        return self._folder.joinpath(kind, *segments)


def _segment(text: str) -> str:
    """A safe folder name, unique for each text."""
    name = quote(text, safe="+=@,")
    return re.sub(r"^\.+", lambda dots: "%2E" * len(dots[0]), name)


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _write(file: Path, content: bytes) -> None:
    with suppress(OSError):
        write_private(file, content)
