"""A module is built with files of ours in the place of some of its own, and without being copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.local.toolchain import overlay
from bootstrap.local.toolchain.recipes import Edit, GoTool


def test_our_file_lies_in_the_place_of_theirs(tmp_path: Path) -> None:
    ours, source, folder = tmp_path / "ours", tmp_path / "module cache", tmp_path / "build"
    for path, text in (
        (ours / "go.mod", "module ours\n"),
        (ours / "go.sum", "sums\n"),
        (ours / "few.go", "package register\n"),
        (source / "main.go", "package main\n"),
        (source / "register" / "all.go", "package register\n"),
        (source / "listen.go", 'listen("0.0.0.0")\n'),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder.mkdir()
    edit = Edit("listen.go", '"0.0.0.0"', '"127.0.0.1"')
    tool = GoTool(
        "t", str(ours), "p", "e.org/s", (), 1, 1, replaced=(("register/all.go", "few.go"),), edits=(edit,)
    )

    flags = overlay.prepare(tool, source, folder)

    assert flags == (f"-overlay={folder / 'overlay.json'}", f"-modfile={folder / 'go.mod'}")
    place = folder / "source"
    assert json.loads((folder / "overlay.json").read_text())["Replace"] == {
        str(place / "main.go"): str(source / "main.go"),
        str(place / "register" / "all.go"): str(ours / "few.go"),
        str(place / "listen.go"): str(folder / "edited" / "listen.go"),
    }
    assert (folder / "edited" / "listen.go").read_text() == 'listen("127.0.0.1")\n'
    assert not place.exists()
    assert (folder / "go.mod").read_text() == f'module ours\n\nreplace e.org/s => "{place}"\n'
    assert (folder / "go.sum").read_text() == "sums\n"


@pytest.mark.parametrize("text", ["listen()\n", 'listen("0.0.0.0")\n' * 2])
def test_an_edit_that_does_not_fit_any_more_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "listen.go").write_text(text)
    tool = GoTool("t", str(tmp_path), "p", "e.org/s", (), 1, 1, edits=(Edit("listen.go", '"0.0.0.0"', "x"),))
    with pytest.raises(ToolError, match=r"listen\.go"):
        overlay.prepare(tool, tmp_path, tmp_path)
