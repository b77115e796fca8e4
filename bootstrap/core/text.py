"""Small pieces of text that all views share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def duration(seconds: float) -> str:
    """`4.2s`, `58s`, `3m07s`, `1h02m`: short, and of one width within its range."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows as lines with aligned columns; the last column runs free."""
    kept = [tuple(row) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[column]) for row in kept) for column in range(len(kept[0]) - 1)]
    return [_line(row, widths, indent) for row in kept]


def _line(row: Sequence[str], widths: Sequence[int], indent: str) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
    return (indent + "  ".join([*cells, row[-1]])).rstrip()


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def plural(count: int, noun: str) -> str:
    """`1 node`, `14 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
