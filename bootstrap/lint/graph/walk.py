"""Values anywhere in an object. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def values(item: Any, key: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of that key at any depth, with the path to it."""
    if isinstance(item, dict):
        for name, inner in item.items():
            here = f"{path}.{name}" if path else str(name)
            if name == key:
                yield here, inner
            yield from values(inner, key, here)
    elif isinstance(item, list):
        for number, inner in enumerate(item):
            yield from values(inner, key, f"{path}[{number}]")
