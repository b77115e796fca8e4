"""Draws the rooms of the package and their imports, as Mermaid, into docs/architecture.md.

    .venv/bin/python .ci/architecture.py            write the picture
    .venv/bin/python .ci/architecture.py --check    say whether the picture is current; exit code 1 if not

A room is a module or package directly below `bootstrap`. An arrow from A to B means that A imports B; one
that follows from others is left out. Imports in functions and for type checking count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

PACKAGE = "bootstrap"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
BEGIN, END = "<!-- picture: made by .ci/architecture.py -->", "<!-- end of the picture -->"

Imports = Mapping[str, frozenset[str]]


def rooms() -> Imports:
    """Every room with the rooms that it imports. `__init__` and `__main__` are no rooms."""
    graph = grimp.build_graph(PACKAGE)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        if room := _room(module):
            used = found.setdefault(room, set())
            used |= {_room(name) for name in graph.find_modules_directly_imported_by(module)}
    return {room: frozenset(used - {room, ""}) for room, used in found.items()}


def _room(module: str) -> str:
    below = module.split(".")[1:2]
    return "" if below in ([], ["__main__"]) else below[0]


def reduced(imports: Imports) -> Imports:
    """The same, without the arrows that follow from others. Raises graphlib.CycleError for a circle."""
    reach: dict[str, frozenset[str]] = {}
    for room in TopologicalSorter(imports).static_order():
        reach[room] = imports[room].union(*(reach[used] for used in imports[room]))
    return {
        room: frozenset(used for used in direct if not any(used in reach[other] for other in direct - {used}))
        for room, direct in imports.items()
    }


def picture(imports: Imports) -> str:
    arrows = sorted((room, used) for room, direct in reduced(imports).items() for used in direct)
    return "\n".join(["```mermaid", "flowchart TD", *(f"    {a} --> {b}" for a, b in arrows), "```"])


def page(text: str, drawn: str) -> str:
    """The page with the picture between its marks."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{drawn}\n{END}{tail}"


def main(arguments: list[str]) -> int:
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text, picture(rooms()))
    if arguments == ["--check"]:
        if wanted != text:
            sys.stderr.write(f"{PAGE} is not current: run .venv/bin/python .ci/architecture.py\n")
        return int(wanted != text)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
