"""Builds a Go module with some of its files replaced or edited by us, without a copy of it.

Go lets no overlay touch its module cache, so the module's files are laid over a folder that does not exist,
and a go.mod beside it replaces the module by that folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from bootstrap.core.errors import ToolError
from bootstrap.local.toolchain.keys import MODULES
from bootstrap.local.toolchain.recipes import Edit, GoTool

OVERLAY, GO_MOD, GO_SUM = "overlay.json", "go.mod", "go.sum"


def prepare(tool: GoTool, source: Path, folder: Path) -> tuple[str, ...]:
    """Write into `folder` what the build needs, and return the flags for `go build`.

    `source` is the folder of the tool's own module. Raises ToolError for an edit that does not fit.
    """
    module, place = MODULES / tool.module, folder / "source"
    files = {place / path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
    files |= {place / theirs: module / ours for theirs, ours in tool.replaced}
    files |= {place / file: changed for file, changed in _edited(tool.edits, source, folder).items()}
    plain = {str(virtual): str(real) for virtual, real in files.items()}
    (folder / OVERLAY).write_text(json.dumps({"Replace": plain}), encoding="utf-8")
    required = (module / GO_MOD).read_text(encoding="utf-8")
    replaced = f"{required}\nreplace {tool.source} => {json.dumps(str(place))}\n"
    (folder / GO_MOD).write_text(replaced, encoding="utf-8")
    shutil.copyfile(module / GO_SUM, folder / GO_SUM)
    return f"-overlay={folder / OVERLAY}", f"-modfile={folder / GO_MOD}"


def _edited(edits: Iterable[Edit], source: Path, folder: Path) -> dict[str, Path]:
    """Each file that is edited, and its copy."""
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.get(edit.file) or (source / edit.file).read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            why = f"{edit.old!r} stands there {text.count(edit.old)} times, not once"
            raise ToolError(f"{edit.file} of {source.name} cannot be edited", why, "please report this")
        texts[edit.file] = text.replace(edit.old, edit.new)
    copies = {file: folder / "edited" / file for file in texts}
    for file, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(texts[file], encoding="utf-8")
    return copies
