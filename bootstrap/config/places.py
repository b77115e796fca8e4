"""Where something is wrong: the path of keys and indexes that leads there, such as ("nodes", 3, "labels").
The tree knows its line. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from bootstrap.config.problems import CONFLICT, ConfigProblem
from bootstrap.config.tree import Branch, Scalar, Sequence, Tree

Place: TypeAlias = tuple[str | int, ...]

_ONE_OF = {"nodes": "node", "seeds": "seed"}


@dataclass(frozen=True)
class Finding:
    """A problem whose line is still to be looked up."""

    place: Place
    what: str
    cure: str
    kind: str = CONFLICT

    def problem(self, file: str, tree: Tree) -> ConfigProblem:
        key = dotted(self.place)
        return ConfigProblem(f"{file}:{line_of(tree, self.place)}", self.what, self.cure, key, self.kind)


def below(tree: Tree, step: str | int) -> Tree | None:
    if isinstance(tree, Branch):
        return tree.items.get(str(step))
    if isinstance(tree, Sequence) and isinstance(step, int) and step < len(tree.items):
        return tree.items[step]
    return None


def at(tree: Tree, place: Place) -> Tree | None:
    found: Tree | None = tree
    for step in place:
        found = below(found, step) if found else None
    return found


def line_of(tree: Tree, place: Place) -> int:
    """The line of a key or list element; of what is around it where it is not there."""
    line = tree.line
    for step in place:
        found = below(tree, step)
        if found is None:
            break
        line = tree.key_lines[str(step)] if isinstance(tree, Branch) else found.line
        tree = found
    return line


def dotted(place: Iterable[str | int]) -> str:
    """`nodes[3].labels`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place if step != "[key]")
    return "".join(steps).removeprefix(".")


def spoken(tree: Tree, place: Place) -> tuple[str, str]:
    """What to say of a place: an introduction such as `node api-auth: `, and the path below it."""
    name = at(tree, (*place[:2], "name")) if place and place[0] in _ONE_OF else None
    if isinstance(name, Scalar) and name.text and len(place) > 2:
        return f"{_ONE_OF[str(place[0])]} {name.text}: ", dotted(place[2:])
    return "", dotted(place)
