"""What a kept plan is going to create, with every value that is known by now, and what the state has. Pure.

The format: https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.core.foreign import parse_json


@dataclass(frozen=True)
class Creation:
    """A resource about to be made. `values` lacks what is known only after the apply."""

    address: str
    type: str
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Creations:
    """`managed` are the (type, id) that the state has; `going` the types of which the plan deletes some."""

    items: tuple[Creation, ...]
    managed: frozenset[tuple[str, str]]
    going: frozenset[str]


def creations(shown: str) -> Creations:
    """Read the output of `terraform show -json PLAN`. Raises ValueError for what is no JSON."""
    plan = parse_json(shown)
    changes = [item for item in plan.get("resource_changes", ()) if item["mode"] == "managed"]
    root = plan.get("prior_state", {}).get("values", {}).get("root_module", {})
    return Creations(
        items=tuple(
            Creation(item["address"], item["type"], _known(item["change"]))
            for item in changes
            if item["change"]["actions"] == ["create"]
        ),
        managed=frozenset(_managed(root)),
        going=frozenset(item["type"] for item in changes if "delete" in item["change"]["actions"]),
    )


def _known(change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (change["after"] or {}).items() if value is not None}


def _managed(module: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for resource in module.get("resources", ()):
        if resource["mode"] == "managed":
            yield resource["type"], str(resource.get("values", {}).get("id", ""))
    for child in module.get("child_modules", ()):
        yield from _managed(child)
