"""What of an object in Git is not in the cluster, field by field. Pure.

Two looks. Most objects are told by reading alone: every field of the manifest is live as it is written, and
Argo CD owns no field that the manifest does not have. Of all others (the API server writes "1000m" as "1",
fills in defaults, drops unknown fields) only a dry run of a server-side apply can tell: what it predicts is
compared with what is live, as `kubectl diff --server-side` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bootstrap.kubernetes.argo import ARGOCD_MANAGER, LAST_APPLIED, TRACKING, essential
from bootstrap.kubernetes.ignored import Path
from bootstrap.kubernetes.noop import still_wanted
from bootstrap.kubernetes.objects import Json, annotations_of, labels_of, metadata

_EMPTY: tuple[Any, ...] = (None, "", False, 0, {}, [])
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def as_applied(manifest: Json, live: Json, namespace: str, instance_label: str = "") -> Json:
    """The manifest as Argo CD sends it: with its namespace ("" for a cluster-wide object), with the mark by
    which Argo CD tracks the live object, without a status."""
    meta = {key: value for key, value in metadata(manifest).items() if key not in _BOOKKEEPING}
    meta.pop("namespace", None)
    if namespace:
        meta["namespace"] = namespace
    for field, marks, mark in (
        ("annotations", annotations_of(live), TRACKING),
        ("labels", labels_of(live), instance_label),
    ):
        if mark in marks:
            meta[field] = {**(meta.get(field) or {}), mark: marks[mark]}
    return {key: value for key, value in manifest.items() if key != "status"} | {"metadata": meta}


def certain(wanted: Json, live: Json) -> bool:
    """Whether reading tells that an apply of `wanted` would change nothing."""
    return not any(unlike(wanted, live)) and not any(_given_up(wanted, live)) and _owns_no_more(wanted, live)


def differences(wanted: Json, live: Json, predicted: Json) -> tuple[Path, ...]:
    """The fields that Git has otherwise; `predicted` is what a dry run of the apply returned."""
    found = [*_changed(_essence(live), _essence(predicted)), *_given_up(wanted, live)]
    return tuple(dict.fromkeys(found))


def partial_differences(wanted: Json, live: Json) -> tuple[Path, ...]:
    """The same for a manifest of which parts are left out: only what it has is looked at. An empty value
    (false, "", {}) counts as equal to none, as the API server drops those."""
    found = dict.fromkeys(unlike(wanted, live))
    return tuple(path for path in found if not _empty(_at(wanted, path), _at(live, path)))


def _empty(wanted: Any, live: Any) -> bool:
    return live is None and essential(wanted) in _EMPTY


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        else:
            value = value[step] if isinstance(value, list) and isinstance(step, int) else None
    return value


def shown(path: Path) -> str:
    """As people write it: `spec.containers[0].image`, `metadata.labels["app.kubernetes.io/name"]`."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f"[{step}]"
        elif step.replace("-", "").replace("_", "").isalnum():
            words += f".{step}" if words else step
        else:
            words += f'["{step}"]'
    return words


def unlike(wanted: Any, live: Any, path: Path = ()) -> Iterator[Path]:
    """Where `live` does not have what `wanted` has; it may have more fields, but no more list items.

    What an apply replaces as a whole may not have more fields either: a list that is not one of mappings.
    """
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key, value in wanted.items():
            if key not in live:
                yield (*path, key)
            else:
                yield from unlike(value, live[key], (*path, key))
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        replaced = not all(isinstance(item, dict) for item in (*wanted, *live))
        for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from unlike(one, other, (*path, index))
            if replaced and isinstance(one, (dict, list)):
                yield from unlike(other, one, (*path, index))
    elif type(wanted) is not type(live) or wanted != live:
        yield path


def _essence(item: Json) -> Json:
    """What a comparison is about: no status, no bookkeeping."""
    notes = {key: value for key, value in annotations_of(item).items() if key != LAST_APPLIED}
    meta = {key: value for key, value in metadata(item).items() if key not in _BOOKKEEPING}
    return {key: value for key, value in item.items() if key != "status"} | {
        "metadata": {**meta, "annotations": notes}
    }


def _changed(live: Any, predicted: Any, path: Path = ()) -> Iterator[Path]:
    """Where two objects differ, down to the leaves; no mapping and an empty one are equal."""
    one, other = ({} if value is None else value for value in (live, predicted))
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            yield from _changed(one.get(key), other.get(key), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _changed(mine, theirs, (*path, index))
    elif type(one) is not type(other) or one != other:
        yield path


def _given_up(wanted: Json, live: Json) -> Iterator[Path]:
    """Fields that Argo CD applied client-side earlier, that Git no longer has, and that are still live."""
    if any(_applies(entry) for entry in metadata(live).get("managedFields") or ()):
        return  # applied server-side since: then the API server itself knows what was given up
    try:
        before = json.loads(annotations_of(live).get(LAST_APPLIED) or "{}")
    except ValueError:
        return
    if isinstance(before, dict):
        yield from _dropped(_essence(before), _essence(wanted), live, ())


def _dropped(before: Any, wanted: Any, live: Any, path: Path) -> Iterator[Path]:
    if isinstance(before, dict) and isinstance(wanted, dict) and isinstance(live, dict):
        for key in (key for key in before if key in live):
            if key in wanted:
                yield from _dropped(before[key], wanted[key], live[key], (*path, key))
            elif essential(before[key]) not in _EMPTY:
                yield (*path, key)
    elif _named(before) and _named(wanted) and _named(live):
        mine, theirs = ({item["name"]: item for item in value} for value in (before, wanted))
        for index, item in enumerate(live):
            which = item["name"]
            if which in mine and which in theirs:
                yield from _dropped(mine[which], theirs[which], item, (*path, index))
            elif which in mine:
                yield (*path, index)


def _named(value: Any) -> bool:
    """Whether it is a list of mappings that are told apart by name: containers, variables, ports, volumes."""
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def _owns_no_more(wanted: Json, live: Json) -> bool:
    return all(
        still_wanted(entry.get("fieldsV1") or {}, wanted)
        for entry in metadata(live).get("managedFields") or ()
        if _applies(entry)
    )


def _applies(entry: Json) -> bool:
    """Whether it tells what Argo CD applied server-side."""
    return bool(
        entry.get("manager") == ARGOCD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )
