"""A module is built with files of ours in the place of some of its own, and without being copied."""

from __future__ import annotations

import json
from pathlib import Path

from bootstrap.local.toolchain import overlay
from bootstrap.local.toolchain.recipes import GoTool


def test_our_file_lies_in_the_place_of_theirs(tmp_path: Path) -> None:
    ours, source, folder = tmp_path / "ours", tmp_path / "module cache", tmp_path / "build"
    for path, text in (
        (ours / "go.mod", "module ours\n"),
        (ours / "go.sum", "sums\n"),
        (ours / "few.go", "package register\n"),
        (source / "main.go", "package main\n"),
        (source / "register" / "all.go", "package register\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder.mkdir()
    tool = GoTool("t", str(ours), "p", "e.org/s", (), 1, 1, replaced=(("register/all.go", "few.go"),))

    flags = overlay.prepare(tool, source, folder)

    assert flags == (f"-overlay={folder / 'overlay.json'}", f"-modfile={folder / 'go.mod'}")
    place = folder / "source"
    assert json.loads((folder / "overlay.json").read_text())["Replace"] == {
        str(place / "main.go"): str(source / "main.go"),
        str(place / "register" / "all.go"): str(ours / "few.go"),
    }
    assert not place.exists()
    assert (folder / "go.mod").read_text() == f'module ours\n\nreplace e.org/s => "{place}"\n'
    assert (folder / "go.sum").read_text() == "sums\n"
