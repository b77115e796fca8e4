"""A YAML tree into the values of the dataclasses of `model.py`, by way of pydantic.

Everything that is wrong is collected, never raised. Messages name keys and kinds; a value is shown only where
a secret does not belong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError, create_model
from pydantic_core import ErrorDetails

from bootstrap.config import schema
from bootstrap.config.fields import Name, Text, shown
from bootstrap.config.model import Environment
from bootstrap.config.places import Finding, Place, at, spoken
from bootstrap.config.problems import MISSING as ABSENT
from bootstrap.config.problems import TYPE, UNKNOWN, VALUE
from bootstrap.config.tree import Branch, Scalar, Sequence, Tree
from bootstrap.core.suggest import suggest

_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
# By the first word of pydantic's error type: what is expected, and an example where the schema has none.
_NOUNS = {
    "int": ("a whole number", "20"),
    "float": ("a number", "1.5"),
    "finite": ("a number", "1.5"),
    "string": ("text", "a-word"),
    "path": ("text", "a/folder"),
    "literal": ("text", "a-word"),
    "tuple": ("a list", "[one, two]"),
    "dict": ("a mapping", "{key: value}"),
    "mapping": ("a mapping", "{key: value}"),
    "dataclass": ("a mapping", "{key: value}"),
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}


@dataclass(frozen=True)
class Reading:
    """What could be read, by name of the key; `tree` is what it was read from, without what is wrong.
    `partial` are the lists of which elements are missing, because they are wrong."""

    values: Mapping[str, Any]
    tree: Branch
    findings: tuple[Finding, ...] = ()
    partial: frozenset[str] = frozenset()


def read_top(tree: Branch) -> Reading:
    """The project, and the environments as they are written."""
    return _read(tree, _top_model, None, "")


def read_environment(tree: Branch, home: Path, optional: Iterable[str] = ()) -> Reading:
    """An environment. Its relative paths start from `home`; the `optional` keys may be missing."""
    return _read(tree, partial(_environment_model, frozenset(optional)), home, "Environment")


@cache
def _top_model(*, loose: bool) -> type[BaseModel]:
    return _model({"project": (Name, ...), "environments": (dict[Name, Any], ...)}, loose=loose)


@cache
def _environment_model(optional: frozenset[str], *, loose: bool) -> type[BaseModel]:
    hints = get_type_hints(Environment, include_extras=True)
    keys = {
        field.name: (hints[field.name], ... if _required(field) and field.name not in optional else None)
        for field in fields(Environment)
        if field.name not in schema.GIVEN
    }
    return _model(keys, loose=loose)


def _required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _read(tree: Branch, model: Callable[..., type[BaseModel]], home: Path | None, definition: str) -> Reading:
    """`model` makes that of the keys; a `loose` one lets every key be missing."""
    try:
        return Reading(_values(model(loose=False), tree, home), tree)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    findings = tuple(_finding(error, tree, definition) for error in errors)
    bad = {_element(finding.place) for finding in findings}
    rest = _without(tree, bad)
    partial = frozenset(str(place[0]) for place in bad if len(place) > 1)
    return Reading(_values(model(loose=True), rest, home), rest, findings, partial)


def _model(keys: Mapping[str, Any], *, loose: bool) -> type[BaseModel]:
    known: Any = {name: (hint, None if loose else default) for name, (hint, default) in keys.items()}
    return create_model("Keys", __config__=schema.STRICT, **known)


def _values(model: type[BaseModel], tree: Branch, home: Path | None) -> dict[str, Any]:
    made = model.model_validate(data(tree), context=home)
    return {name: getattr(made, name) for name in made.model_fields_set}


def data(tree: Tree) -> Any:
    """The tree as pydantic reads it: scalars as `Text`, None where nothing is written."""
    if isinstance(tree, Branch):
        return {key: data(item) for key, item in tree.items.items()}
    if isinstance(tree, Sequence):
        return [data(item) for item in tree.items]
    return None if tree.plain is None else Text.of(tree.text, tree.plain)


def _element(place: Place) -> Place:
    """What is left out because of something wrong below it: an element of a list, or a whole key."""
    return place[:2] if len(place) > 1 and isinstance(place[1], int) else place[:1]


def _without(tree: Branch, places: set[Place]) -> Branch:
    items = {
        key: _elements(item, {place[1] for place in places if place[0] == key and len(place) > 1})
        for key, item in tree.items.items()
        if (key,) not in places
    }
    return Branch(tree.line, items, tree.key_lines)


def _elements(tree: Tree, indexes: set[str | int]) -> Tree:
    if not indexes or not isinstance(tree, Sequence):
        return tree
    return Sequence(tree.line, tuple(item for index, item in enumerate(tree.items) if index not in indexes))


def _finding(error: ErrorDetails, tree: Branch, definition: str) -> Finding:
    place = error["loc"]
    before, path = spoken(tree, place)
    if error["type"] in _UNKNOWN:
        known = schema.at(place[:-1], definition).get("properties", {})
        cure = suggest(str(place[-1]), known) or f"known keys: {', '.join(sorted(known))}"
        return Finding(place, f"{before}unknown key '{place[-1]}'", cure, UNKNOWN)
    if error["type"] == "missing":
        return Finding(place, f"{before}'{path}' is missing", f"add `{place[-1]}:`", ABSENT)
    node = schema.at(place, definition)
    if told := _bad_value(error["type"], error["input"], error.get("ctx", {}), node):
        return Finding(place, f"{before}{path} {told[0]}", told[1], VALUE)
    noun, example = _NOUNS.get(error["type"].partition("_")[0], ("another kind of value", ""))
    what = f"{before}'{path}' must be {noun}, found {_found(at(tree, place))}"
    return Finding(place, what, _example(node, example), TYPE)


def _bad_value(
    kind: str, value: Any, context: Mapping[str, Any], node: schema.Schema
) -> tuple[str, str] | None:
    """What is wrong with a value of the right type, and its cure."""
    if kind == "value":
        return context["what"], context["cure"]
    if kind in _BOUNDS:
        words, limit = _BOUNDS[kind]
        return f"must be {words} {context[limit]:g}", _range(node)
    if kind in {"too_short", "too_long"}:
        wanted = context.get("min_length", context.get("max_length"))
        return f"has {context['actual_length']} entries, not {wanted}", f"write {wanted}"
    if kind == "literal_error" and isinstance(value, str):
        cure = suggest(value, node["enum"]) or f"write one of {', '.join(node['enum'])}"
        return f"'{shown(value)}' is not valid", cure
    return None


def _range(node: schema.Schema) -> str:
    if "pattern" in node:
        return "write seconds, or a duration such as 30s, 5m or 8h"
    least, most = node.get("minimum"), node.get("maximum")
    return f"choose {least} to {most}" if most is not None else f"choose {least} or more"


def _example(node: Mapping[str, Any], other: str = "") -> str:
    example = next(iter(node.get("examples") or node.get("enum") or [other or node.get("default", 1)]))
    return f"write it like {example}"


def _found(tree: Tree | None) -> str:
    if not isinstance(tree, Scalar):
        return tree.kind if tree else "text"
    kinds = {type(None): "nothing", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(tree.plain), "text")
