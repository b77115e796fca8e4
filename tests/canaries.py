"""Planted secrets, and the search for them in everything that a run wrote.

A value is looked for as it is and in every form in which it may be carried along: Base64 at any offset, JSON,
URL, hexadecimal; in files, inside of archives (a Terraform plan is one), in command lines while a run lasts.
What is found is named by the canary's name and the place, never by its value.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

SHORTEST = 8  # characters; what is shorter occurs by chance
DEEPEST = 3  # archives within archives
PRIVATE = 0o600


@dataclass(frozen=True)
class Canaries:
    """Secret values by name. Values are never shown."""

    values: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        short = [name for name, value in self.values.items() if len(value) < SHORTEST]
        assert not short, f"too short to be told from chance: {short}"

    def seen_in(self, data: bytes) -> list[str]:
        """Names of those that occur, in whatever form, also inside of archives."""
        return sorted(name for name, value in self.values.items() if _occurs(value, data))

    def __add__(self, other: Canaries) -> Canaries:
        return Canaries({**self.values, **other.values})


@dataclass(frozen=True)
class Allowed:
    """A place, by a pattern relative to the folder searched, where secrets belong, and why. `private`: only
    in files that nobody else may read."""

    pattern: str
    why: str
    private: bool = False

    def covers(self, file: Path, folder: Path) -> bool:
        if not fnmatch(str(file.relative_to(folder)), self.pattern):
            return False
        return not self.private or file.stat().st_mode & 0o777 == PRIVATE


def leaks(folder: Path, canaries: Canaries, allowed: Iterable[Allowed] = ()) -> list[str]:
    """`file: canary` for every one in a file below the folder, or in a file's name, where none belongs."""
    places = tuple(allowed)
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or any(place.covers(file, folder) for place in places):
            continue
        named = canaries.seen_in(str(file.relative_to(folder)).encode())
        found += [f"{file.parent}: {name} (in a file's name)" for name in named]
        if file.is_file():
            found += [f"{file}: {name}" for name in canaries.seen_in(_read(file))]
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # gone meanwhile
        return b""


def _occurs(value: str, data: bytes) -> bool:
    return any(form in part for part in _parts(data, DEEPEST) for form in _forms(value))


@cache
def _forms(value: str) -> frozenset[bytes]:
    raw = value.encode()
    texts = {value, json.dumps(value)[1:-1], quote(value, safe=""), raw.hex(), raw.hex().upper()}
    forms = {text.encode() for text in texts}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):  # where the value begins within a group of three bytes
            # The first and the last group also hold what stands beside the value.
            coded = encode(bytes(offset) + raw)
            forms.add(coded[4 if offset else 0 : len(coded) - (4 if (offset + len(raw)) % 3 else 0)])
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def _parts(data: bytes, depth: int) -> Iterator[bytes]:
    """The data, and what is packed in it."""
    yield data
    if depth:
        for inner in _unpacked(data):
            yield from _parts(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    try:
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        elif data.startswith(b"\x1f\x8b"):
            yield gzip.decompress(data)
        elif data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                files = (tar.extractfile(member) for member in tar if member.isfile())
                yield from (file.read() for file in files if file)
        elif data[:1] == b"\x78" and data[1:2] in (b"\x01", b"\x9c", b"\xda"):  # as Git keeps its objects
            yield zlib.decompress(data)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError):
        return  # it only looks like one


class CommandLines:
    """Looks at every process while it is entered: `leaks` are canaries in command lines, `inherited` those in

    the environment of others than `bootstrap` itself, as `pid program: canary`.
    """

    def __init__(self, canaries: Canaries, every: float = 0.05) -> None:
        self.leaks: set[str] = set()
        self.inherited: set[str] = set()
        self.looks = 0
        self._canaries, self._every = canaries, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="command lines", daemon=True)

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                try:
                    words, environ = ((folder / name).read_bytes() for name in ("cmdline", "environ"))
                except OSError:  # it has ended
                    continue
                program = words.split(b"\0", 1)[0].decode(errors="replace")
                self.leaks |= {f"{folder.name} {program}: {name}" for name in self._canaries.seen_in(words)}
                if b"\0-m\0bootstrap\0" not in words:
                    found = self._canaries.seen_in(environ)
                    self.inherited |= {f"{folder.name} {program}: {name}" for name in found}
        self.looks += 1

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._every)
