"""The search finds what it has to: a search that finds nothing proves nothing."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.canaries import Allowed, Canaries, CommandLines, leaks

VALUE = 'canary/"7731+✓'
CANARIES = Canaries({"seed": VALUE})
RAW = VALUE.encode()


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfplan", data)
    return made.getvalue()


def tarred(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("inner")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda raw: raw,
    "json": lambda raw: json.dumps(raw.decode()).encode(),
    "url": lambda raw: quote(raw.decode(), safe="").encode(),
    "hex": lambda raw: raw.hex().encode(),
    "base64": base64.b64encode,
    "url-safe base64": base64.urlsafe_b64encode,
    "base64 among others": lambda raw: base64.b64encode(b"user:" + raw + b"@host"),
    "zip": zipped,
    "gzip": gzip.compress,
    "tar": tarred,
    "zlib": zlib.compress,
    "tar in gzip": lambda raw: gzip.compress(tarred(raw)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form: str, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    file.parent.mkdir()
    packed = form in ("zip", "gzip", "tar", "zlib", "tar in gzip")
    file.write_bytes(FORMS[form](RAW) if packed else b"before " + FORMS[form](RAW) + b" after")
    assert leaks(tmp_path, CANARIES) == [f"{file}: seed"]


@given(before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_base64_is_found_at_any_offset(before: bytes, after: bytes) -> None:
    assert CANARIES.seen_in(base64.b64encode(before + RAW + after)) == ["seed"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"canary/7731")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    assert leaks(tmp_path, CANARIES) == []


def test_what_is_allowed_is_passed_over_and_only_while_it_is_private(tmp_path: Path) -> None:
    file = tmp_path / "environments" / "dev" / "kubeconfig"
    file.parent.mkdir(parents=True)
    file.write_bytes(RAW)
    allowed = [Allowed("environments/*/kubeconfig", "the way into the cluster", private=True)]
    file.chmod(0o644)
    assert leaks(tmp_path, CANARIES, allowed) == [f"{file}: seed"]
    file.chmod(0o600)
    assert leaks(tmp_path, CANARIES, allowed) == []


def test_a_files_name_counts_too(tmp_path: Path) -> None:
    (tmp_path / "canary-in-a-name").mkdir()
    assert leaks(tmp_path, Canaries({"name": "canary-in-a-name"})) == [f"{tmp_path}: name (in a file's name)"]


def test_no_value_is_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(RAW)
    assert VALUE not in f"{CANARIES}{leaks(tmp_path, CANARIES)}"


def test_what_is_too_short_is_refused() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Canaries({"pin": "1234"})


def test_command_lines_are_watched() -> None:
    canaries = Canaries({"word": "canary-in-a-command-line"})
    code = "print('running', flush=True); input()"
    with CommandLines(canaries) as watched:
        words = [sys.executable, "-c", code, "canary-in-a-command-line"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()  # until then it may still carry our own command line
            watched.look()
            process.communicate(b"\n")
    assert watched.leaks == {f"{process.pid} {sys.executable}: word"}
