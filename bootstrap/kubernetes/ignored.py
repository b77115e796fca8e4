"""Which fields of an object Argo CD leaves out of its comparison. Pure.

From the Application's `spec.ignoreDifferences` and from argocd-cm
(https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json, Key, Kind, dig, metadata, spec

ANY = "*"  # any item of a list
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "ClusterRole")

Step = str | int
Path = tuple[Step, ...]  # keys of mappings, indexes of lists


@dataclass(frozen=True)
class Pattern:
    """The field at `path` and all below it. `exact` is false where Argo CD may mean fewer fields: a jq
    expression selects some items of a list, or is not understood here at all."""

    path: Path
    exact: bool = True

    def covers(self, path: Path) -> bool:
        return len(self.path) <= len(path) and all(map(_fits, self.path, path))


def _fits(wanted: Step, step: Step) -> bool:
    return wanted == step or (wanted == ANY and isinstance(step, int)) or str(wanted) == str(step)


def patterns(application: Json, settings: Mapping[str, str], live: Json) -> tuple[Pattern, ...]:
    """The fields of a live object that its Application does not compare; `settings` is argocd-cm's data."""
    found = [one for entry in _entries(application, settings, Key.of(live)) for one in _read(entry, live)]
    if Key.of(live).kind == CLUSTER_ROLE and live.get("aggregationRule") and _aggregated(settings):
        found.append(Pattern(("rules",)))
    return tuple(found)


def _entries(application: Json, settings: Mapping[str, str], key: Key) -> Iterator[Json]:
    for entry in spec(application).get("ignoreDifferences") or ():
        if (
            fnmatchcase(key.kind.group, str(entry.get("group") or ""))
            and fnmatchcase(key.kind.name, str(entry.get("kind") or ""))
            and entry.get("name") in (None, "", key.name)
            and entry.get("namespace") in (None, "", key.namespace)
        ):
            yield entry
    own = f"{key.kind.group}_{key.kind.name}" if key.kind.group else key.kind.name
    for suffix in ("all", own):
        yield _mapping(settings.get(f"resource.customizations.ignoreDifferences.{suffix}", ""))


def _aggregated(settings: Mapping[str, str]) -> bool:
    return bool(_mapping(settings.get("resource.compareoptions", "")).get("ignoreAggregatedRoles"))


def _mapping(text: str) -> Json:
    try:
        value: Any = next(documents(text), {})
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


def _read(entry: Json, live: Json) -> Iterator[Pattern]:
    yield from (Pattern(_pointer(str(one))) for one in entry.get("jsonPointers") or ())
    yield from (jq(str(one)) for one in entry.get("jqPathExpressions") or ())
    yield from _managed(live, {str(one) for one in entry.get("managedFieldsManagers") or ()})


def _pointer(text: str) -> Path:
    """A JSON pointer (RFC 6901)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


_STEP = re.compile(
    r"""\s*(?:
        \|\s*(?P<select>select\s*\(.*\))?     # a pipe, perhaps into a selection
      | \.?\s*\[\s*(?P<index>\d*)\s*\]        # [] or [0]
      | \.?\s*\[\s*"(?P<key>[^"]*)"\s*\]      # ["a.b/c"]
      | \.\s*"(?P<quoted>[^"]*)"              # ."a.b/c"
      | \.(?P<name>\w+)
      | \.(?=\s*(?:$|\||\[))
    )\??\s*""",
    re.VERBOSE,
)


def jq(expression: str) -> Pattern:
    """A path expression of jq; one that is not understood stands for the whole object, and is not exact."""
    path: list[Step] = []
    exact, at = True, 0
    while at < len(expression):
        found = _STEP.match(expression, at)
        if found is None or found.end() == at:
            return Pattern((), exact=False)
        at = found.end()
        exact = exact and found["select"] is None
        path += _steps(found)
    return Pattern(tuple(path), exact and bool(path))


def _steps(found: re.Match[str]) -> list[Step]:
    if found["index"] is not None:
        return [int(found["index"]) if found["index"] else ANY]
    name = next((found[group] for group in ("key", "quoted", "name") if found[group] is not None), None)
    return [] if name is None else [name]


def _managed(live: Json, managers: Iterable[str]) -> Iterator[Pattern]:
    """The fields that these managers own."""
    for entry in metadata(live).get("managedFields") or ():
        if entry.get("manager") in managers:
            yield from (Pattern(path) for path in _owned(entry.get("fieldsV1") or {}, live))


def _owned(fields: Json, value: Any) -> Iterator[Path]:
    """Leaves of a set of fields (FieldsV1), as paths into the object."""
    for text, inner in fields.items():
        kind, _, name = text.partition(":")
        for step in _places(kind, name, value):
            below = list(_owned(inner, _inside(value, step))) if inner else []
            yield from ((step, *path) for path in below or [()])


def _places(kind: str, name: str, value: Any) -> Iterator[Step]:
    if kind == "f":
        yield name
    elif kind in {"k", "v"} and isinstance(value, list):
        wanted = json.loads(name)
        for index, item in enumerate(value):
            if item == wanted if kind == "v" else _is(item, wanted):
                yield index


def _is(item: Any, key: Json) -> bool:
    return isinstance(item, dict) and all(dig(item, name) == value for name, value in key.items())


def _inside(value: Any, step: Step) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) else None
