"""Which programs of this machine are used, and where the cache lies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bootstrap.checks.model import Range
from bootstrap.core import cachefolder
from bootstrap.local.toolchain import caches, golang, versions
from bootstrap.local.toolchain.recipes import OnPath

RULE = OnPath(("version",), Range((1, 10), (2,)))


def saying(*answers: str) -> versions.Ask:
    left = list(answers)
    return lambda _argv, _environment: left.pop(0)


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        ('{"terraform_version": "1.11.4"}', True),
        ("1.10.0", True),
        ("v1.9.8", False),
        ("v2.0.0", False),
        ("no number", False),
        ("", False),
    ],
)
def test_a_program_on_path_is_used_when_its_version_fits(answer: str, used: bool) -> None:
    found = versions.find_on_path([("tool", RULE)], lambda name: f"/usr/bin/{name}", saying(answer))
    assert found == ({"tool": Path("/usr/bin/tool")} if used else {})


def test_a_program_that_is_not_there_is_not_asked() -> None:
    assert versions.find_on_path([("tool", RULE)], lambda _: None, saying()) == {}


@pytest.mark.parametrize(
    ("answer", "new_enough"),
    [("go1.27.0", True), ("go1.28.1", True), ("go1.28rc1", True), ("go1.26.8", False), ("", False)],
)
def test_go_must_be_new_enough(answer: str, new_enough: bool) -> None:
    found = golang.find(lambda _: "/opt/go/bin/go", saying(answer))
    assert found == (Path("/opt/go/bin/go") if new_enough else None)


def test_go_is_judged_by_itself_and_not_by_what_it_would_download() -> None:
    seen: list[str] = []

    def ask(_argv: Sequence[str | Path], environment: Mapping[str, str]) -> str:
        seen.append(environment["GOTOOLCHAIN"])
        return "go1.26.1"

    golang.find(lambda _: "/opt/go/bin/go", ask)
    assert seen == ["local"]


def test_a_build_uses_the_users_caches_and_not_the_users_flags(tmp_path: Path) -> None:
    base = {"PATH": "/usr/bin", "GOFLAGS": "-mod=vendor", "GOOS": "plan9", "GOPROXY": "https://proxy.corp"}
    mod, build = tmp_path / "mod", tmp_path / "build"
    ask = saying(f"{mod}\n", f"{build}\n")
    made = golang.environment(Path("/opt/go/bin/go"), tmp_path / "ours", base, ask)
    assert (made["GOMODCACHE"], made["GOCACHE"]) == (str(mod), str(build))
    assert made["GOPROXY"] == "https://proxy.corp"
    assert made["GOFLAGS"] == golang.FLAGS
    assert "GOOS" not in made
    assert made["PATH"] == f"/opt/go/bin{os.pathsep}/usr/bin"


@pytest.mark.parametrize("theirs", ["", "off\n", "{file}/build\n"])
def test_a_build_has_its_own_caches_where_the_users_cannot_be_written(tmp_path: Path, theirs: str) -> None:
    (tmp_path / "file").write_text("in the way")
    answer = theirs.format(file=tmp_path / "file")
    made = golang.environment(Path("/go"), tmp_path / "ours", {}, saying(answer, answer))
    assert made["GOMODCACHE"] == str(tmp_path / "ours" / "go" / "mod")
    assert made["GOCACHE"] == str(tmp_path / "ours" / "go" / "build")


def test_the_cache_is_where_the_user_says(tmp_path: Path) -> None:
    assert cachefolder.choose(tmp_path, {"BOOTSTRAP_CACHE": "/big disk/cache"}) == Path("/big disk/cache")


def test_the_cache_is_the_users_cache_folder(tmp_path: Path) -> None:
    named = {"XDG_CACHE_HOME": str(tmp_path / "xdg"), "HOME": "/nowhere"}
    assert cachefolder.choose(tmp_path, named) == tmp_path / "xdg" / "bootstrap"
    assert cachefolder.choose(tmp_path, {"HOME": str(tmp_path)}) == tmp_path / ".cache" / "bootstrap"
    relative = {"XDG_CACHE_HOME": "not/absolute", "HOME": str(tmp_path)}
    assert cachefolder.choose(tmp_path, relative) == tmp_path / ".cache" / "bootstrap"
    assert not (tmp_path / ".cache").exists(), "choosing makes nothing"


@pytest.mark.parametrize("home", ["{file}", ""])
def test_the_cache_is_below_the_project_when_home_is_not_writable(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    chosen = cachefolder.choose(tmp_path, {"HOME": home.format(file=tmp_path / "file")})
    assert chosen == tmp_path / ".bootstrap" / "cache"


def test_a_read_only_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cachefolder.choose(tmp_path, {"HOME": str(tmp_path)}) == tmp_path / ".bootstrap" / "cache"


def test_size_counts_files_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"x" * 10)
    (tmp_path / "two").write_bytes(b"x" * 5)
    assert caches.size(tmp_path) == 15
    assert caches.size(tmp_path / "missing") == 0
