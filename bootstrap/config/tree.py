"""YAML as a tree that remembers lines.

Scalars keep the text as it was written, because only the field that reads one knows what it should be:
`kubernetes_version: 1.30` is text, not the number 1.3, and a label `no` is not false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import yaml
from yaml.reader import ReaderError

from bootstrap.config.problems import ConfigProblem
from bootstrap.core.limits import CONFIGURATION_LEVELS, CONFIGURATION_VALUES

DEEPEST = CONFIGURATION_LEVELS
MOST_VALUES = CONFIGURATION_VALUES

# Control characters but tab and line feed, and halves of characters, which UTF-8 cannot carry.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


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


def parse(text: str, file: str) -> tuple[Tree | None, list[ConfigProblem]]:
    """The tree of the first document, None when there is none, and what is wrong with the text.

    Messages name keys, never values: what stands where a value should be may be a secret.
    """
    reader = _Reader(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
        tree = reader.tree(node) if node else None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"holds a character that YAML does not allow (U+{error.character:04X})"
        return None, [ConfigProblem(f"{file}:{line}", what, "remove it")]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [ConfigProblem(f"{file}:{line}", f"not valid YAML: {error.problem}", "correct the line")]
    return tree, reader.problems


class _Loader(yaml.SafeLoader):
    """Stops at nesting that would exhaust the stack."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _too_deep(self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _too_deep(mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"nested too deeply (more than {DEEPEST} levels)", problem_mark=mark)


class _Reader:
    def __init__(self, file: str) -> None:
        self.problems: list[ConfigProblem] = []
        self._file = file
        self._left = MOST_VALUES
        self._construct = yaml.SafeLoader("")

    def tree(self, node: yaml.Node, depth: int = 1) -> Tree:
        """Raises MarkedYAMLError where aliases make the tree too deep or too large."""
        self._left -= 1
        if depth > DEEPEST:
            raise _too_deep(node.start_mark)
        if self._left < 0:
            what = f"more than {MOST_VALUES} values, with aliases spelled out"
            raise yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark)
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._branch(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(line, tuple(self.tree(item, depth + 1) for item in node.value))
        self._printable(node.value, line)
        return Scalar(line, node.value, self._plain(node, line))

    def _branch(self, node: yaml.MappingNode, line: int, depth: int) -> Branch:
        items: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            at, name = key.start_mark.line + 1, key.value
            if not isinstance(name, str):
                self._problem(at, "a key must be a single word", "write `key: value`")
            elif name in items:
                what = f"key '{name}' occurs twice (first on line {lines[name]})"
                self._problem(at, what, "keep one of them")
            elif self._printable(name, at):
                items[name], lines[name] = self.tree(value, depth + 1), at
        return Branch(line, items, lines)

    def _plain(self, node: yaml.Node, line: int) -> Any:
        try:
            return self._construct.construct_object(node)
        # An unknown !tag, a date that is none; `!!int ""` and `!!bool x` trip over PyYAML's own code.
        except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._problem(line, "a value that YAML cannot read", "put it in quotes")
            return None

    def _printable(self, text: str, line: int) -> bool:
        if found := _UNPRINTABLE.search(text):
            what = f"holds a control character (U+{ord(found[0]):04X})"
            self._problem(line, what, "remove it; a value that needs it belongs into a file")
        return not found

    def _problem(self, line: int, what: str, cure: str) -> None:
        self.problems.append(ConfigProblem(f"{self._file}:{line}", what, cure))


def merge(base: Branch, over: Branch) -> Branch:
    """`over` laid upon `base`: mappings merge, everything else is replaced. Lines stay with their keys."""
    items = dict(base.items)
    for key, tree in over.items.items():
        below = items.get(key)
        if isinstance(below, Branch) and isinstance(tree, Branch):
            tree = merge(below, tree)  # noqa: PLW2901 - the same entry, merged
        items[key] = tree
    return replace(over, items=items, key_lines={**base.key_lines, **over.key_lines})
