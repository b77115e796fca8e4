"""Git work trees, without Git."""

from __future__ import annotations

from pathlib import Path


def work_tree(folder: Path) -> Path | None:
    """The root of the Git work tree around a folder. (`.git` is a file in worktrees and submodules.)"""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
