"""Frozen dataclasses out of data that others may have written: every field there, and of its type."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
LATEST = 100_000_000_000  # Unix seconds, the year 5138: what is later is no time that anybody wrote


def record(kind: type[T], data: object) -> T:
    """The dataclass `kind` of a mapping. Raises ValueError for a field that is missing, unknown or mistyped.

    What is wrong is told by the names of the fields alone: a value may be a secret.
    """
    unknown = data.keys() - kind.__dataclass_fields__ if isinstance(data, dict) else ()  # type: ignore[attr-defined]
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(map(str, unknown)))}")
    try:
        # As JSON, because a strict adapter takes no mapping for a dataclass elsewhere.
        made: T = _adapter(kind).validate_json(json.dumps(data), strict=True)
    except ValueError as error:
        raise ValueError(_wrong(error)) from None
    return made


def _wrong(error: Any) -> str:
    places = (".".join(map(str, each["loc"])) for each in error.errors(include_input=False))
    return f"not as it should be: {', '.join(filter(None, places)) or 'the whole'}"


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
