"""YAML as a tree that remembers lines.

Scalars keep the text as it was written, because only the field that reads one knows what it should be:
`kubernetes_version: 1.30` is text, not the number 1.3, and a label `no` is not false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import yaml

from bootstrap.core.errors import Problem

DEEPEST = 40  # levels; only an alias that contains itself goes deeper


@dataclass(frozen=True)
class Scalar:
    """`text` as written; `plain` is what YAML takes it for (text, number, truth or None)."""

    line: int
    text: str
    plain: Any

    kind = "text"


@dataclass(frozen=True)
class Sequence:
    line: int
    items: tuple[Tree, ...]

    kind = "a list"


@dataclass(frozen=True)
class Branch:
    """A mapping. `key_lines` says where each key stands."""

    line: int
    items: Mapping[str, Tree]
    key_lines: Mapping[str, int]

    kind = "a mapping"


Tree: TypeAlias = Scalar | Sequence | Branch


def parse(text: str, file: str) -> tuple[Tree | None, list[Problem]]:
    """The tree of the first document, None when there is none, and what is wrong with the text.

    Messages name keys, never values: what stands where a value should be may be a secret.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [Problem(f"{file}:{line}", f"not valid YAML: {error.problem}", "correct the line")]
    except yaml.YAMLError as error:
        return None, [Problem(file, f"not valid YAML: {type(error).__name__}", "save it as UTF-8 text")]
    problems: list[Problem] = []
    tree = _Reader(file, problems).tree(node, 0) if node else None
    return tree, problems


class _Reader:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file, self._problems = file, problems
        self._construct = yaml.SafeLoader("")

    def tree(self, node: yaml.Node, depth: int) -> Tree:
        line = node.start_mark.line + 1
        if depth > DEEPEST:
            self._problem(line, "nested too deeply", "check for an alias that contains itself")
            return Scalar(line, "", None)
        if isinstance(node, yaml.MappingNode):
            return self._branch(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(line, tuple(self.tree(item, depth + 1) for item in node.value))
        return Scalar(line, node.value, self._plain(node, line))

    def _branch(self, node: yaml.MappingNode, line: int, depth: int) -> Branch:
        items: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            at, name = key.start_mark.line + 1, key.value
            if not isinstance(name, str):
                self._problem(at, "a key must be a single word", "write `key: value`")
            elif name in items:
                cure = "keep one of them"
                self._problem(at, f"key '{name}' stands here twice (first in line {lines[name]})", cure)
            else:
                items[name], lines[name] = self.tree(value, depth + 1), at
        return Branch(line, items, lines)

    def _plain(self, node: yaml.Node, line: int) -> Any:
        try:
            return self._construct.construct_object(node)
        except (yaml.YAMLError, ValueError):  # an unknown !tag; a date that is none
            self._problem(line, "a value YAML cannot read", "put it in quotes")
            return None

    def _problem(self, line: int, what: str, cure: str) -> None:
        self._problems.append(Problem(f"{self._file}:{line}", what, cure))


def merge(base: Branch, over: Branch) -> Branch:
    """`over` laid upon `base`: mappings merge, everything else is replaced. Lines stay with their keys."""
    items = dict(base.items)
    for key, tree in over.items.items():
        below = items.get(key)
        if isinstance(below, Branch) and isinstance(tree, Branch):
            tree = merge(below, tree)  # noqa: PLW2901 - the same entry, merged
        items[key] = tree
    return replace(over, items=items, key_lines={**base.key_lines, **over.key_lines})


def plain(tree: Tree) -> Any:
    """The tree as ordinary data, as YAML would read it."""
    if isinstance(tree, Branch):
        return {key: plain(value) for key, value in tree.items.items()}
    if isinstance(tree, Sequence):
        return [plain(item) for item in tree.items]
    return tree.plain
