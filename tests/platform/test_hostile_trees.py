"""Trees that try to break out of `bootstrap lint`, read with the real helm and kustomize, and watched by
strace: no program but git, helm and kustomize runs, nothing is written outside our cache, nobody connects."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core import cachefolder
from tests.hostile_trees import TREES, Hostile

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]
CANARY = "canary-file"
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*)()<unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)")
_PATHS = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STARTS = ("clone", "clone3", "fork", "vfork")
_CHANGES = (
    *("creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2"),
    *("link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
)
_CALLS = ",".join(("execve", "execveat", "socket", "connect", "open", "openat", *_STARTS, *_CHANGES))
_OURS = {"git", "helm", "kustomize"}


@dataclass(frozen=True)
class Call:
    """One that succeeded, or whose end strace wrote elsewhere."""

    thread: int
    name: str
    arguments: str
    result: int

    @property
    def paths(self) -> list[str]:
        return _PATHS.findall(self.arguments)


class Witness:
    """What strace saw."""

    def __init__(self, lines: Iterable[str]) -> None:
        found = [(_CALL.match(line) or _UNFINISHED.match(line) or _RESUMED.match(line)) for line in lines]
        self._calls = [Call(int(one[1]), one[2], one[3], int(one[4] or 0)) for one in found if one]
        self._calls = [one for one in self._calls if one.result >= 0]
        self._parents = {one.result: one.thread for one in self._calls if one.name in _STARTS and one.result}
        self._ran = {
            one.thread: Path(one.paths[0]).name for one in self._calls if one.name == "execve" and one.paths
        }

    def program(self, thread: int) -> str:
        """Which a thread belongs to."""
        while thread not in self._ran:
            thread = self._parents[thread]
        return self._ran[thread]

    def programs(self) -> set[str]:
        """Without those on PATH that are asked for their version, before the tree is looked at."""
        ran = [one.paths for one in self._calls if one.name.startswith("exec") and one.paths]
        return {Path(paths[0]).name for paths in ran if paths[2:3] != ["version"]}

    def sockets(self) -> list[Call]:
        """Ours are bound, to see which ports are free; nobody connects to anything."""
        used = [one for one in self._calls if one.name in {"socket", "connect"}]
        return [one for one in used if one.name == "connect" or self.program(one.thread) in _OURS]

    def written(self) -> set[str]:
        """Absolute paths."""
        writing = ("O_WRONLY", "O_RDWR", "O_CREAT")
        changing = [
            one
            for one in self._calls
            if one.name in _CHANGES
            or (one.name.startswith("open") and any(word in one.arguments for word in writing))
        ]
        return {path for one in changing for path in one.paths if path.startswith("/")}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Ours but for the tools, so that nothing was rendered before."""
    own = tmp_path / "cache"
    own.mkdir()
    (own / "tools").symlink_to(cachefolder.choose(ROOT) / "tools")
    return own


def lint(tree: Path, cache: Path, log: Path | None = None) -> subprocess.CompletedProcess[str]:
    watched = (
        []
        if log is None
        else ["strace", "-f", "--seccomp-bpf", "-s", "4096", "-o", str(log), "-e", f"trace={_CALLS}"]
    )
    argv = [*watched, sys.executable, "-m", "bootstrap", "lint", "--output", "json"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(cache),
        "BOOTSTRAP_CACHE": str(cache),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CANARY": "canary-variable",
    }
    return subprocess.run(
        argv, cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("case", TREES.values(), ids=TREES)
def test_reading_a_hostile_tree_runs_and_writes_nothing(case: Hostile, tmp_path: Path, cache: Path) -> None:
    tree, outside, secret = tmp_path / "tree", tmp_path / "outside", tmp_path / "secrets" / "secret"
    for folder in (tree, outside, secret.parent):
        folder.mkdir()
    secret.write_text(f"{CANARY}: {CANARY}\n")
    case.make(tree, outside, secret)
    log = tmp_path / "strace" if shutil.which("strace") else None
    done = lint(tree, cache, log)
    assert done.returncode in {0, 9}, done.stderr
    assert list(outside.iterdir()) == []
    assert "canary-" not in done.stdout + done.stderr
    _require_outcome(case, json.loads(done.stdout))
    if log is None:
        pytest.skip("strace is not there: what ran was not watched")
    seen = Witness(log.read_text(errors="replace").splitlines())
    assert seen.programs() - _OURS <= {Path(sys.executable).name, Path(os.path.realpath(sys.executable)).name}
    assert seen.sockets() == []
    # What is piped to a program lies in a file without a name.
    allowed = ("/dev/null", str(cache), tempfile.gettempdir())
    elsewhere = {path for path in seen.written() if not path.startswith(allowed)}
    assert (
        elsewhere | {path for path in seen.written() if path.startswith((f"{tree}/", f"{outside}/"))} == set()
    )


def _require_outcome(case: Hostile, report: dict[str, Any]) -> None:
    failed = [
        one
        for one in report["findings"]
        if one["rule"] == "render-failed" and "Application a" in one["subject"]
    ]
    unchecked = [one for one in report["not_checked"] if one["what"].startswith("Application a:")]
    assert bool(failed) == (not case.rendered and not case.unchecked), report
    assert bool(unchecked) == case.unchecked, report
