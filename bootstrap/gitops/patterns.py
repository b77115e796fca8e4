"""The patterns of Argo CD: globs of folders, of Git paths, and variables in options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)\}")


def glob(pattern: str, *, stars_cross: bool = True) -> re.Pattern[str]:
    """A shell pattern with `{a,b}`. With `stars_cross`, `*` matches slashes, too, as in `directory.include`,
    and in Git's own path patterns; without, as in the folders of a Git generator. Raises re.error."""
    any_one = "." if stars_cross else "[^/]"
    text, depth, position = "", 0, 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            text += f"{any_one}*"
        elif char == "?":
            text += any_one
        elif char == "\\" and position < len(pattern):
            text += re.escape(pattern[position])
            position += 1
        elif char == "[" and (end := pattern.find("]", position + 1)) > 0:
            inner = pattern[position:end].replace("\\", r"\\")
            text += f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
            position = end + 1
        elif char == "{":
            text, depth = f"{text}(?:", depth + 1
        elif char == "}" and depth:
            text, depth = f"{text})", depth - 1
        elif char == "," and depth:
            text += "|"
        else:
            text += re.escape(char)
    return re.compile(text, re.DOTALL)


def doublestar(pattern: str) -> re.Pattern[str]:
    """A path pattern whose `*` stays in one folder, and whose `**` stands for any number of folders, none
    too. Raises re.error."""
    *folders, last = pattern.split("/")
    parts = ["(?:[^/]+/)*" if one == "**" else f"{glob(one, stars_cross=False).pattern}/" for one in folders]
    end = ".*" if last == "**" else glob(last, stars_cross=False).pattern
    return re.compile("".join(parts) + end)


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
