"""A released program is taken only when it is the pinned one, and only for a few seconds of trying."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from bootstrap.local.toolchain import make, prebuilt
from bootstrap.local.toolchain.keys import module_version
from bootstrap.local.toolchain.make import Workshop
from bootstrap.local.toolchain.prebuilt import PINS, Release, Unusable
from bootstrap.local.toolchain.recipes import RECIPES, GoTool
from bootstrap.local.toolchain.work import Work

HELM = next(recipe for recipe in RECIPES if isinstance(recipe, GoTool) and recipe.name == "helm")
VERSION = module_version(HELM.module, HELM.source)


def archive(member: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        files.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


ARCHIVE = archive("linux-amd64/helm", b"the program")
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


class Vendor(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/helm.tar.gz"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(ARCHIVE) if found else 0))
        self.end_headers()
        self.wfile.write(ARCHIVE if found else b"")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def release(url: str, sha256: str = SHA256, member: str = "linux-amd64/helm") -> Release:
    return Release(VERSION, url, sha256, member)


def test_the_pinned_archive_gives_the_program(vendor: str) -> None:
    assert release(f"{vendor}/helm.tar.gz").fetch() == b"the program"


@pytest.mark.parametrize(
    ("path", "sha256", "member", "why"),
    [
        ("/helm.tar.gz", "0" * 64, "linux-amd64/helm", "checksum"),
        ("/nothing", SHA256, "linux-amd64/helm", "404"),
        ("/helm.tar.gz", SHA256, "bin/helm", "bin/helm"),
    ],
    ids=("checksum", "missing", "member"),  # gzip writes the time, and xdist wants the same names everywhere
)
def test_anything_else_is_refused(vendor: str, path: str, sha256: str, member: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        release(vendor + path, sha256, member).fetch()


def test_a_vendor_out_of_reach_is_refused() -> None:
    with pytest.raises(Unusable):
        release("http://127.0.0.1:1/helm.tar.gz").fetch()


def test_a_slow_download_ends_at_the_limit(vendor: str) -> None:
    clock = count(0.0, prebuilt.LIMIT + 1)
    with pytest.raises(Unusable, match="not complete after 20 s"):
        release(f"{vendor}/helm.tar.gz").fetch(lambda: next(clock))


def test_pins_are_of_the_versions_that_are_built() -> None:
    tools = {recipe.name: recipe for recipe in RECIPES if isinstance(recipe, GoTool)}
    for name, pin in json.loads(PINS.read_text()).items():
        assert pin["version"] == module_version(tools[name].module, tools[name].source)


def test_another_program_and_the_setting_find_nothing() -> None:
    assert prebuilt.find("helm", {}) is not None
    assert prebuilt.find("kwok", {}) is None
    assert prebuilt.find("helm", {prebuilt.SWITCH: "off"}) is None


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the programs that were built after all."""
    names: list[str] = []

    def compile_(folder: Path, tool: GoTool, _: Workshop) -> None:
        names.append(tool.name)
        (folder / "bin").mkdir()
        (folder / "bin" / tool.name).write_text("built")

    monkeypatch.setattr(make, "_compile", compile_)
    return names


def test_a_release_spares_the_build(
    vendor: str, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prebuilt, "find", lambda *_: release(f"{vendor}/helm.tar.gz"))
    shop = Workshop(tmp_path)
    make.make(HELM, shop)
    program = make.product(HELM, shop)
    assert program.read_bytes() == b"the program"
    assert program.stat().st_mode & 0o111 == 0o111
    assert compiled == []


def test_a_useless_release_is_told_and_the_program_built(
    vendor: str, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prebuilt, "find", lambda *_: release(f"{vendor}/helm.tar.gz", "0" * 64))
    said: list[str] = []
    make.make(HELM, Workshop(tmp_path, Work(progress=said.append)))
    assert compiled == ["helm"]
    assert any("checksum" in line for line in said)
