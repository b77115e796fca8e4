"""The JSON schema (draft 2020-12) of bootstrap.yaml, made from the dataclasses of `model.py`.

It accepts every file that the loader accepts in the ways people write one. Keys of mappings are not required:
an environment may take them from the one it extends.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import ConfigDict, create_model

from bootstrap.config.model import Configuration
from bootstrap.config.places import Place
from bootstrap.config.steps import STEPS

Schema = dict[str, Any]

GIVEN = ("name", "project", "home")  # fields of Environment that are no keys below it

STRICT = ConfigDict(extra="forbid")

_DEFS = "#/$defs/"
_EXTENDS = {
    "type": "string",
    "description": "Name of another environment whose keys this one takes over. Mappings are merged, key by "
    "key; lists and single values are replaced.",
    "examples": ["dev"],
}


@cache
def schema() -> Schema:
    """The schema with required keys, for lookups and documentation."""
    outer = create_model(
        "Outer", __config__=ConfigDict(use_attribute_docstrings=True, **STRICT), file=(Configuration, ...)
    )
    made: Schema = _tidy(outer.model_json_schema())
    definitions: Schema = made["$defs"]
    environment = definitions["Environment"]
    kept = {key: value for key, value in environment["properties"].items() if key not in GIVEN}
    environment["properties"] = {"extends": _EXTENDS, **kept}
    environment["required"] = [key for key in environment["required"] if key not in GIVEN]
    kept["deadlines"]["propertyNames"] = {"enum": sorted(STEPS)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bootstrap.yaml",
        **definitions.pop("Configuration"),
        "$defs": definitions,
    }


def text() -> str:
    """The schema as it is published, as JSON."""
    made = schema()
    definitions = made["$defs"]
    merged = {"Environment", *filter(None, map(_name, definitions["Environment"]["properties"].values()))}
    published = {
        name: {key: value for key, value in one.items() if key != "required" or name not in merged}
        for name, one in definitions.items()
    }
    return json.dumps({**made, "$defs": published}, indent=2, ensure_ascii=False) + "\n"


def at(place: Place, definition: str = "") -> Schema:
    """The schema of what stands at a place of the file, or below one of the definitions; empty if unknown."""
    node = schema()["$defs"][definition] if definition else schema()
    for step in place:
        node = resolved(_inside(node, step))
    return node


def resolved(node: Schema) -> Schema:
    """A node with what it refers to, its own words first."""
    name = _name(node)
    return {**schema()["$defs"][name], **node} if name else {**node.get("anyOf", [{}])[0], **node}


def _name(node: Schema) -> str:
    """The definition that a node refers to, or may refer to beside null."""
    reference: str = node.get("anyOf", [node])[0].get("$ref", "")
    return reference.removeprefix(_DEFS)


def _inside(node: Schema, step: str | int) -> Schema:
    if isinstance(step, int):
        found = node.get("items")
    elif step == "[key]":
        found = node.get("propertyNames")
    else:
        others = (*node.get("patternProperties", {}).values(), node.get("additionalProperties"))
        found = node.get("properties", {}).get(step) or next(filter(None, others), None)
    return found if isinstance(found, dict) else {}


def _tidy(node: Any, *, names: bool = False) -> Any:
    """Texts on one line; no titles made from names, defaults of null, fractions of whole numbers; a mapping
    whose keys match a pattern has no others. `names`: the keys of this mapping are the user's.
    """
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if isinstance(node, str):
        return " ".join(node.split())
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidy(value, names=key in {"properties", "$defs", "patternProperties"})
        for key, value in node.items()
        if names or (key != "title" and (key, value) != ("default", None))
    }
    return tidy if names or "patternProperties" not in tidy else {**tidy, "additionalProperties": False}
