"""A YAML tree into the frozen dataclasses of `model.py`, which are the schema: their fields, types and
defaults decide, so that a field added there can be written in the file at once.

Problems are collected, never raised, and name keys and kinds, never values.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from bootstrap.config.tree import Branch, Scalar, Sequence, Tree, plain
from bootstrap.core.errors import Problem

BAD = object()  # stands for a value that could not be read; its problem is on the list

_NUMBERS: dict[type, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
}

_EXAMPLES = {
    "a whole number": "20",
    "a number": "1.5",
    "text": "a-word",
    "a list": "[one, two]",
    "a mapping": "{key: value}",
}


class Decoder:
    """Reads one file. `home` is the folder that relative paths start from."""

    def __init__(self, file: str, home: Path) -> None:
        self.problems: list[Problem] = []
        self.partial: set[str] = set()  # lists of which some elements could not be read
        self._file, self._home = file, home
        self._branches: dict[int, Branch] = {}  # by id of the dataclass made from it
        self._kept: list[object] = []  # keeps those alive, so that ids stay unique

    def where(self, owner: object, field: str = "") -> str:
        """`file:line` of the mapping that `owner` was made from, or of one of its keys."""
        branch = owner if isinstance(owner, Branch) else self._branches[id(owner)]
        return f"{self._file}:{branch.key_lines.get(field, branch.line)}"

    def problem(self, line: int, what: str, cure: str = "") -> None:
        self.problems.append(Problem(f"{self._file}:{line}", what, cure))

    def parts(
        self,
        kind: type,
        branch: Branch,
        skip: frozenset[str] = frozenset(),
        optional: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """The fields of a dataclass that could be read, by name. Reports unknown, missing and bad ones.

        Fields in `skip` are filled in by the caller and are unknown to the file; `optional` ones may be
        missing though the dataclass wants them.
        """
        hints = get_type_hints(kind)
        known = [field for field in fields(kind) if field.name not in skip]
        self.unknown_keys(branch, [field.name for field in known])
        found: dict[str, Any] = {}
        for field in known:
            if field.name in branch.items:
                found[field.name] = self.value(hints[field.name], branch.items[field.name], field.name)
            elif _required(field) and field.name not in optional:
                self.problem(branch.line, f"'{field.name}' is missing", f"add `{field.name}:`")
        return {name: value for name, value in found.items() if value is not BAD}

    def unknown_keys(self, branch: Branch, known: list[str]) -> None:
        for key in branch.items:
            if key not in known:
                cure = suggest(key, known) or f"known keys: {', '.join(sorted(known))}"
                self.problem(branch.key_lines[key], f"unknown key '{key}'", cure)

    def value(self, hint: Any, tree: Tree, name: str) -> Any:
        """The tree as a value of the type, or BAD."""
        origin, args = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            (inner,) = (arg for arg in args if arg is not types.NoneType)
            return None if isinstance(tree, Scalar) and tree.plain is None else self.value(inner, tree, name)
        if hint is object:
            return plain(tree)
        if origin is tuple:
            return self._tuple(args[0], tree, name)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(args[0], args[1], tree, name)
        if isinstance(hint, type) and is_dataclass(hint):
            return self._dataclass(hint, tree, name)
        return self._scalar(hint, tree, name)

    def _tuple(self, inner: Any, tree: Tree, name: str) -> Any:
        """Elements that cannot be read are left out: their problem is told, and the rest is checked too."""
        if not isinstance(tree, Sequence):
            return self._expected("a list", tree, name)
        read = [self.value(inner, item, f"{name}[{index}]") for index, item in enumerate(tree.items)]
        good = tuple(item for item in read if item is not BAD)
        if len(good) < len(read):
            self.partial.add(name)
        return good

    def _mapping(self, key_hint: Any, inner: Any, tree: Tree, name: str) -> Any:
        if not isinstance(tree, Branch):
            return self._expected("a mapping", tree, name)
        found = {}
        for key, item in tree.items.items():
            read = self.value(key_hint, Scalar(tree.key_lines[key], key, key), f"{name}.{key} (the key)")
            value = self.value(inner, item, f"{name}.{key}")
            if BAD not in (read, value):
                found[read] = value
        return found

    def _dataclass(self, kind: type, tree: Tree, name: str) -> Any:
        if not isinstance(tree, Branch):
            return self._expected("a mapping", tree, name)
        before = len(self.problems)
        parts = self.parts(kind, tree, frozenset({"where"}))
        if len(self.problems) > before:
            return BAD
        if "where" in get_type_hints(kind):
            parts["where"] = self.where(tree)
        return self.made(kind(**parts), tree)

    def made(self, thing: Any, branch: Branch) -> Any:
        """Remember where a dataclass was written."""
        self._branches[id(thing)] = branch
        self._kept.append(thing)
        return thing

    def _scalar(self, hint: type, tree: Tree, name: str) -> Any:
        noun = _NUMBERS[hint][1] if hint in _NUMBERS else "text"
        if not isinstance(tree, Scalar) or tree.plain is None:
            return self._expected(noun, tree, name)
        if hint is Path:
            return self._home / Path(tree.text).expanduser()
        if hint is str:
            return tree.text
        try:
            number = _NUMBERS[hint][0](tree.text)
        except ValueError:
            return self._expected(noun, tree, name)
        return number if isfinite(number) else self._expected(noun, tree, name)

    def _expected(self, noun: str, tree: Tree, name: str) -> object:
        empty = isinstance(tree, Scalar) and tree.plain is None
        found = "nothing" if empty else tree.kind
        what = f"'{name}' must be {noun}, found {found}"
        self.problem(tree.line, what, f"write it like {_EXAMPLES[noun]}")
        return BAD


def suggest(word: str, known: list[str]) -> str:
    """`did you mean 'x'?` when something known is close."""
    close = get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
