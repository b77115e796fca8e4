"""Changes of files shown as a diff, and written: all of them or none."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import unified_diff
from io import StringIO
from pathlib import Path

from bootstrap.core.errors import LintError
from bootstrap.lint.fix import Change


def diff(changes: Iterable[Change]) -> str:
    """As Git shows it, renames included."""
    return "".join(line for change in changes for line in _diff(change))


def _diff(change: Change) -> Iterator[str]:
    old, new = f"a/{change.path}", f"b/{change.renamed}"
    if change.path != change.renamed:
        yield f"diff --git {old} {new}\nrename from {change.path}\nrename to {change.renamed}\n"
    before, after = (StringIO(text, newline="\n").readlines() for text in (change.before, change.after))
    for line in unified_diff(before, after, old, new):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def write(root: Path, changes: Sequence[Change]) -> None:
    """Write and rename below `root`. New content is put beside the old first, so that a full disk or a
    missing permission is met before anything is replaced; what was is put back when a later step fails.

    Raises LintError when a file has changed since it was read, or a new name is taken.
    """
    leaving = {root / change.path for change in changes}
    for change in changes:
        source, goal = root / change.path, root / change.renamed
        if read(source) != change.before:
            raise LintError(
                f"{change.path} changed in the meantime; nothing was changed", cure="run the command again"
            )
        if goal.exists() and goal not in leaving:
            raise LintError(
                f"{change.renamed} already exists; nothing was changed", cure=f"rename {change.path} by hand"
            )
    made: list[tuple[Path, Path]] = []
    try:
        for number, change in enumerate(changes):
            source, goal = root / change.path, root / change.renamed
            fresh = goal.with_name(f".{goal.name}.{number}.new")
            made.append((fresh, goal))
            fresh.write_bytes(change.after.encode())
            shutil.copymode(source, fresh)
        _replace(root, changes, made)
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise LintError(
            "the files could not be written; nothing was changed", why, "fix it and retry"
        ) from error
    finally:
        for fresh, _ in made:
            fresh.unlink(missing_ok=True)


def read(path: Path) -> str:
    """With its own line ends. Raises OSError and UnicodeDecodeError."""
    return path.read_bytes().decode()


def _replace(root: Path, changes: Sequence[Change], made: Sequence[tuple[Path, Path]]) -> None:
    goals = {goal for _, goal in made}
    try:
        for fresh, goal in made:
            fresh.replace(goal)
        for change in changes:
            if root / change.path not in goals:
                (root / change.path).unlink()
    except OSError:
        for goal in goals:
            with suppress(OSError):
                goal.unlink(missing_ok=True)
        for change in changes:
            with suppress(OSError):
                (root / change.path).write_bytes(change.before.encode())
        raise
