"""Temporary folders: for us alone, gone with us, and gone soon after us when we were killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bootstrap.core.rendering import Tools
from bootstrap.core.scratch import scratch
from bootstrap.gitops.programs import Programs
from tests.programs import program

HOLDER = """
import sys
from bootstrap.core.scratch import scratch
with scratch("other") as folder:
    (folder / "left").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def another() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that uses one until it is told to end, or killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_it_is_ours_alone_and_goes_with_what_is_in_it(cache: Path) -> None:
    with scratch("lint") as folder:
        assert folder.parent.parent == cache
        assert folder.name.startswith("lint-")
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "deep" / "er").mkdir(parents=True)
    assert not folder.exists()


def test_one_of_a_living_process_stays_and_one_of_a_killed_process_goes_with_the_next() -> None:
    with another() as (process, theirs):
        with scratch("lint"):
            assert (theirs / "left").exists()
        process.kill()
        process.wait()
        assert (theirs / "left").exists(), "nobody could remove it"
        with scratch("lint") as ours, scratch("lint"):
            assert not theirs.exists()
            assert ours.exists(), "we hold it ourselves"


def test_where_nothing_can_be_kept_the_systems_folder_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "file" / "cache"))
    with scratch("lint") as folder:
        assert folder.is_relative_to(tempfile.gettempdir())
    assert not folder.exists()


def test_what_programs_leave_lies_there_too(tmp_path: Path) -> None:
    kustomize = program(tmp_path / "kustomize", 'mktemp -d "$TMPDIR/kustomize-helm-XXXX"')
    with scratch("lint") as folder:
        programs = Programs(Tools(kustomize, kustomize, kustomize), {}, folder)
        left = Path(programs.kustomize(["build"]).decode().strip())
        assert left.is_dir()
        assert left.parent == folder
    assert not left.exists()
