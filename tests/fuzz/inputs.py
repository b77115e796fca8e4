"""Inputs made from good ones: a value replaced by an odd one, a piece of text by another, a byte by any."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

DIGITS = "9" * 401
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 1.5, 1e308, 10**30, int(DIGITS), "", " ", "x", "0", "-1", "1h", "..", "/"),
    *("a" * 300, "a/" * 3000, "\0", "\ud800", "é\u202e", "\x1b[31m", "~nosuchuser", "{{", "{{ . }}", "${x}"),
    *("(a|a)*$", "*a*a*a*a*", "[", "{a,", "2024-02-30", "2024-01-01T00:00:00Z", "!!int x", "- a", "a: b"),
    *([], {}, [None], [[]], ["x"], [{}], {"": None}, {"a": "b"}, {"name": []}, [{"kind": 7}], [[[[[[]]]]]]),
    *({"metadata": None}, {"matchLabels": 3}, "999999999999d", "99999999999999999999", "1.2.3", "0x1F"),
)
PIECES = (
    *(
        "",
        "\n",
        "  ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ":",
        ": ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<: *a",
        "!!int ",
        "!!bool x",
    ),
    *(
        "!!timestamp x",
        '!!binary "é"',
        "!!set {a}",
        "!x y",
        '"',
        "'",
        "|",
        ">",
        "%TAG ! x",
        "---",
        "...",
        "#",
    ),
    *("\0", "\ud800", "\u2028", "\x85", "\ufeff", DIGITS, ".inf", ".nan", "0x_", "1_0", "12:30", "~", "null"),
    *("[" * 200, "{a: " * 120, "- " * 120, "? " * 120, "~nosuchuser/x", "/dev/zero", "x" * 300, "999999999d"),
    *(
        "&b [*b]",
        "{<<: [*a, *a]}",
        "? [a]\n: b",
        "e" * 5000,
        "extends: dev",
        "'",
        "$(x)",
        "../../..",
        "1e999",
    ),
)


def texts(seeds: Sequence[str]) -> st.SearchStrategy[str]:
    """A good text with some pieces cut out and others put in."""
    edits = st.lists(
        st.tuples(st.integers(0, 1 << 16), st.integers(0, 12), st.sampled_from(PIECES)),
        min_size=1,
        max_size=4,
    )
    return st.builds(_edited, st.sampled_from(seeds), edits)


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for place, length, piece in edits:
        start = place % (len(text) + 1)
        text = text[:start] + piece + text[start + length :]
    return text


def values(seeds: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Good data with some of its values, at any depth, replaced, left out or renamed."""
    edits = st.lists(
        st.tuples(st.integers(0, 1 << 16), st.sampled_from(range(len(ODD_VALUES) + 2))),
        min_size=1,
        max_size=3,
    )
    return st.builds(_changed, st.sampled_from(seeds), edits)


def _changed(seed: Any, edits: Sequence[tuple[int, int]]) -> Any:
    value = copy.deepcopy(seed)
    for place, which in edits:
        holders = list(_holders(value))
        if not holders:
            return ODD_VALUES[which % len(ODD_VALUES)]
        holder, key = holders[place % len(holders)]
        if which < len(ODD_VALUES):
            holder[key] = copy.deepcopy(ODD_VALUES[which])
        elif which == len(ODD_VALUES):
            del holder[key]
        elif isinstance(holder, dict):
            holder["x"] = holder.pop(key)
    return value


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of the data: what holds it, and its key there."""
    keys: Any = (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _holders(value[key])


def jsons(seeds: Sequence[Any]) -> st.SearchStrategy[str]:
    """Such data as JSON, and such JSON edited as text."""
    plain = [json.dumps(seed) for seed in seeds]
    return values(seeds).map(json.dumps) | texts(plain)


def archives(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Good bytes with some of them replaced, or cut off."""
    edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6)
    return st.builds(_corrupted, st.sampled_from(seeds), edits, st.integers(0, 1 << 16) | st.none())


def _corrupted(seed: bytes, edits: Sequence[tuple[int, int]], end: int | None) -> bytes:
    content = bytearray(seed)
    for place, byte in edits:
        content[place % len(content)] = byte
    return bytes(content if end is None else content[: end % len(content)])
