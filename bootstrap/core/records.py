"""Frozen dataclasses out of data that others may have written: every field there, and of its type."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

LATEST = 100_000_000_000  # Unix seconds, the year 5138: what is later is no time that anybody wrote


def record(kind: type[T], data: object) -> T:
    """The dataclass `kind` of a mapping. Raises ValueError for a field that is missing, unknown or mistyped.

    What is wrong is told by the names of the fields alone: a value may be a secret.
    """
    unknown = data.keys() - kind.__dataclass_fields__ if isinstance(data, dict) else ()  # type: ignore[attr-defined]
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(map(str, unknown)))}")
    wanted: Any = kind  # for mypy, not every type is hashable
    try:
        made: T = _adapter(wanted).validate_python(data)
    except ValueError as error:
        raise ValueError(_wrong(error)) from None
    return made


def _wrong(error: Any) -> str:
    places = (".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
    return f"not as it should be: {', '.join(filter(None, places)) or 'the whole'}"


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
