"""The patterns of Argo CD: globs of folders, of Git paths, and variables in options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bootstrap.core import globs

_CROSSING, _IN_FOLDER = globs.Dialect(), globs.Dialect(separator="/")
_VARIABLE = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)\}")


def glob(pattern: str, *, stars_cross: bool = True) -> globs.Glob:
    """A shell pattern with `{a,b}`. With `stars_cross`, `*` matches slashes, too, as in `directory.include`,
    and in Git's own path patterns; without, as in the folders of a Git generator. Raises ValueError."""
    return globs.glob(pattern, _CROSSING if stars_cross else _IN_FOLDER)


def doublestar(pattern: str) -> globs.FolderGlob:
    """A path pattern whose `*` stays in one folder, and whose `**` stands for any number of folders, none
    too. Raises ValueError."""
    return globs.folder_glob(pattern, _IN_FOLDER)


def files_first(path: str) -> tuple[tuple[bool, str], ...]:
    """Sorts paths as a walk does: the files of a folder, then its folders, each by name."""
    *folders, last = path.split("/")
    return (*((True, one) for one in folders), (False, last))


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}`; `$$` is a dollar; a name that is not known is nothing."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return variables.get(name, "") if name else "$"

    return _VARIABLE.sub(value, text)
