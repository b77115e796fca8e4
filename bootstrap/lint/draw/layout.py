"""Where boxes and arrows go: a row a wave, arrows from row to row, few crossings (after Sugiyama). Pure.

An arrow over several rows gets a waypoint in each row between, so that it passes beside boxes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bootstrap.lint.draw.model import Drawing

BOX_HEIGHT = 30.0
ROW = 78.0  # from the top of one row to that of the next
GAP = 18.0  # between neighbours of a row
LETTER = 7.3  # width of a letter of the font at its size, rather too much than too little
LEAST_WIDTH = 90.0
SWEEPS = 12  # over the rows; more change nothing to be seen

Point = tuple[float, float]


@dataclass(frozen=True)
class Position:
    """The middle of a box or of a waypoint, and its width."""

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Layout:
    """`boxes` by name; for each arrow of the drawing the points it goes through, boxes' edges included."""

    boxes: Mapping[str, Position]
    ways: tuple[tuple[Point, ...], ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Cell:
    """A box, or the waypoint of an arrow in one row."""

    name: str
    row: int
    arrow: int = -1


def lay_out(drawing: Drawing) -> Layout:
    chains = [_chain(drawing, number) for number, _ in enumerate(drawing.arrows)]
    rows = _rows(drawing, chains)
    links = _links(chains)
    for sweep in range(SWEEPS):
        _sort(rows if sweep % 2 == 0 else rows[::-1], links)
    places = _places(rows, links, _width(drawing))
    positions = {cell.name: position for cell, position in places.items() if cell.arrow < 0}
    ways = tuple(_way([places[cell] for cell in chain]) for chain in chains)
    right = max((position.x + position.width / 2 for position in places.values()), default=0)
    return Layout(positions, ways, right, max(len(rows) * ROW - (ROW - BOX_HEIGHT), 0))


def _chain(drawing: Drawing, number: int) -> list[_Cell]:
    """From the provider's cell to the user's, a waypoint in every row between."""
    arrow = drawing.arrows[number]
    start, end = drawing.rows[arrow.provider], drawing.rows[arrow.user]
    step = 1 if start <= end else -1
    between = [_Cell("", row, number) for row in range(start + step, end, step)]
    return [_Cell(arrow.provider, start), *between, _Cell(arrow.user, end)]


def _rows(drawing: Drawing, chains: Iterable[Sequence[_Cell]]) -> list[list[_Cell]]:
    rows: list[list[_Cell]] = [[] for _ in drawing.waves]
    for box in drawing.boxes:
        rows[box.row].append(_Cell(box.name, box.row))
    for chain in chains:
        for cell in chain[1:-1]:
            rows[cell.row].append(cell)
    return rows


def _links(chains: Iterable[Sequence[_Cell]]) -> Mapping[_Cell, list[_Cell]]:
    links: defaultdict[_Cell, list[_Cell]] = defaultdict(list)
    for chain in chains:
        for one, other in pairwise(chain):
            links[one].append(other)
            links[other].append(one)
    return links


def _sort(rows: Sequence[list[_Cell]], links: Mapping[_Cell, list[_Cell]]) -> None:
    """Each row by where its neighbours in the row before stand on average (barycentre)."""
    for above, row in pairwise(rows):
        at = {cell: number / max(len(above) - 1, 1) for number, cell in enumerate(above)}
        own = {cell: number / max(len(row) - 1, 1) for number, cell in enumerate(row)}

        def middle(cell: _Cell, at: Mapping[_Cell, float] = at, own: Mapping[_Cell, float] = own) -> float:
            near = [at[one] for one in links.get(cell, ()) if one in at]
            return sum(near) / len(near) if near else own[cell]

        row.sort(key=middle)


def _width(drawing: Drawing) -> Callable[[_Cell], float]:
    widths = {box.name: max(len(box.name) * LETTER + 24, LEAST_WIDTH) for box in drawing.boxes}
    return lambda cell: widths.get(cell.name, 0.0)


def _places(
    rows: Sequence[list[_Cell]], links: Mapping[_Cell, list[_Cell]], width: Callable[[_Cell], float]
) -> dict[_Cell, Position]:
    """Rows side by side first, then each cell drawn towards its neighbours, as far as its row lets it."""
    x: dict[_Cell, float] = {}
    for row in rows:
        total = sum(width(cell) + GAP for cell in row)
        x.update(_packed(row, {}, width, start=-total / 2))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = {
                cell: sum(x[one] for one in links[cell]) / len(links[cell]) if cell in links else x[cell]
                for cell in row
            }
            x.update(_packed(row, wanted, width))
    left = min((x[cell] - width(cell) / 2 for row in rows for cell in row), default=0)
    return {
        cell: Position(x[cell] - left, number * ROW + BOX_HEIGHT / 2, width(cell))
        for number, row in enumerate(rows)
        for cell in row
    }


def _packed(
    row: Sequence[_Cell],
    wanted: Mapping[_Cell, float],
    width: Callable[[_Cell], float],
    start: float = 0.0,
) -> dict[_Cell, float]:
    """As near to where each wants to be as order and gaps allow: blocks that touch share their shift."""
    blocks: list[
        tuple[list[tuple[_Cell, float]], float]
    ] = []  # members with offsets, and where it wants to be
    offset = start
    for cell in row:
        offset += width(cell) / 2
        aim = wanted.get(cell, offset)
        blocks.append(([(cell, offset)], aim - offset))
        offset += width(cell) / 2 + GAP
        while len(blocks) > 1 and blocks[-2][1] > blocks[-1][1]:
            (first, shift), (second, other) = blocks[-2:]
            both = [*first, *second]
            blocks[-2:] = [(both, (shift * len(first) + other * len(second)) / len(both))]
    return {cell: offset + shift for members, shift in blocks for cell, offset in members}


def _way(positions: Sequence[Position]) -> tuple[Point, ...]:
    """From edge to edge; within a row from top to top."""
    half = BOX_HEIGHT / 2
    first, last = positions[0], positions[-1]
    if first.y == last.y:
        return (
            (first.x, first.y - half),
            ((first.x + last.x) / 2, first.y - half - 26),
            (last.x, last.y - half),
        )
    down = 1 if last.y > first.y else -1
    inner = [(position.x, position.y) for position in positions[1:-1]]
    return ((first.x, first.y + down * half), *inner, (last.x, last.y - down * half))
