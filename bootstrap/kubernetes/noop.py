"""Whether a server-side apply would change nothing, told from the live object alone. Pure.

An apply costs the API server much for large objects, reading them little. It changes nothing when every
field of the manifest is as live, and the manager owns no field that the manifest does not have any more:
those an apply would remove. In doubt the answer is no, and the apply itself tells.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/ for the form of managed fields.
"""

from __future__ import annotations

import json
from typing import Any

from bootstrap.kubernetes.objects import Json, metadata


def is_noop(manifest: Json, live: Json, manager: str) -> bool:
    """`live` is the object as the API server returns it, managed fields included."""
    entries = [
        entry
        for entry in metadata(live).get("managedFields") or ()
        if entry.get("manager") == manager
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and entry.get("apiVersion") == manifest.get("apiVersion")
    ]
    if len(entries) != 1:
        return False
    return _covered(manifest, live) and still_wanted(entries[0].get("fieldsV1") or {}, manifest)


def _covered(wanted: Any, live: Any) -> bool:
    """Whether all of `wanted` is in `live`; the server may have added fields, but no list items."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            key in live and _covered(value, live[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(wanted) == len(live)
            and all(_covered(one, other) for one, other in zip(wanted, live, strict=True))
        )
    return type(wanted) is type(live) and wanted == live


def still_wanted(fields: Json, manifest: Any) -> bool:
    """Whether every owned field is in the manifest."""
    return all(_has(step, inner, manifest) for step, inner in fields.items() if step != ".")


def _has(step: str, inner: Json, manifest: Any) -> bool:
    kind, _, name = step.partition(":")
    if kind == "f":
        return isinstance(manifest, dict) and name in manifest and still_wanted(inner, manifest[name])
    if not isinstance(manifest, list):
        return False
    value = json.loads(name)
    if kind == "k":
        return any(_is(item, value) and still_wanted(inner, item) for item in manifest)
    return kind == "v" and value in manifest


def _is(item: Any, key: Json) -> bool:
    """Whether a list item is the one of that key; what the manifest leaves to a default counts as equal."""
    return isinstance(item, dict) and all(item.get(name, value) == value for name, value in key.items())
