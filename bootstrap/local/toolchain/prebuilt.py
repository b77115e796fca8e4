"""Programs as their makers released them: seconds instead of minutes where the network reaches the release.

`prebuilt.json` pins each by version and SHA-256 checksum. A checksum is added only when it can be verified;
these two are in Argo CD's own repository (hack/installers/checksums), which `go.sum` covers.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

SWITCH = "BOOTSTRAP_PREBUILT"  # `off` builds everything
PINS = Path(__file__).with_name("prebuilt.json")
SILENCE = 3.0  # seconds without an answer
LIMIT = 20.0  # seconds for the whole download
_CHUNK = 1 << 16


class Unusable(Exception):
    """The release could not be had, or is not what the pin says."""


@dataclass(frozen=True)
class Release:
    """`member` is the program's path in the .tar.gz archive behind `url`."""

    version: str
    url: str
    sha256: str
    member: str

    def fetch(self, monotonic: Callable[[], float] = time.monotonic) -> bytes:
        """The program. Raises Unusable, after `LIMIT` seconds at the latest."""
        try:
            archive = _download(self.url, monotonic() + LIMIT, monotonic)
        except (OSError, HTTPException) as error:
            raise Unusable(str(error)) from error
        if hashlib.sha256(archive).hexdigest() != self.sha256:
            raise Unusable("its checksum is not the pinned one")
        return _member(archive, self.member)


def find(name: str, environ: Mapping[str, str] = os.environ) -> Release | None:
    """The pinned release of that program, unless the setting is off. A test compares the versions."""
    if environ.get(SWITCH, "").lower() == "off":
        return None
    pin = json.loads(PINS.read_text(encoding="utf-8")).get(name)
    return Release(**pin) if pin else None


def _download(url: str, deadline: float, monotonic: Callable[[], float]) -> bytes:
    parts: list[bytes] = []
    with urllib.request.urlopen(url, timeout=SILENCE) as answer:  # noqa: S310 - the URL is a pin
        while part := answer.read1(_CHUNK):
            parts.append(part)
            if monotonic() > deadline:
                raise TimeoutError(f"not complete after {LIMIT:.0f} s")
    return b"".join(parts)


def _member(archive: bytes, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        program = files.extractfile(member) if member in files.getnames() else None
        if program is None:
            raise Unusable(f"it holds no file {member}")
        return program.read()
