"""YAML as Kubernetes reads it. Pure.

PyYAML follows YAML 1.1 to the letter and so differs from the parser behind the API server, Helm and
kustomize: it turns `12:30` into 750 (base 60), `2024-01-01` into a date and fails on a bare `=`, which
stands in the enums of well-known CRDs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any

import yaml
from yaml.composer import ComposerError

from bootstrap.kubernetes.objects import Json

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"


class _Loader(_Base):  # type: ignore[misc]
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag.removeprefix(_PREFIX) in {"null", "bool", "merge"}
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    _PREFIX + "int",
    re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    _PREFIX + "float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


_ALIAS = re.compile(r"(?:^|[\s\[{,])\*[\w.-]+")
_LARGEST = 1_000_000  # values of a document once its aliases are spelled out


def located(text: str | bytes) -> Iterator[tuple[int, Any]]:
    """Each document that is not empty, with the line (from 1) on which it starts. Raises yaml.YAMLError; for
    aliases that lead into themselves or explode, too, as Kubernetes' parser does."""
    loader = _Loader(text)
    aliases = _ALIAS.search(text.decode(errors="replace") if isinstance(text, bytes) else text) is not None
    try:
        while loader.check_node():
            node = loader.get_node()
            value = loader.construct_document(node)
            if aliases and _spelled_out(value, {}) > _LARGEST:
                raise ComposerError(None, None, "excessive aliasing", node.start_mark)
            if value is not None:
                yield node.start_mark.line + 1, value
    finally:
        loader.dispose()


def _spelled_out(value: Any, known: dict[int, float]) -> float:
    """How many values it holds, infinite where it holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = inf  # until it is known
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_spelled_out(one, known) for one in inner)
    return known[id(value)]


def documents(text: str | bytes) -> Iterator[Any]:
    """Each document that is not empty. Raises yaml.YAMLError."""
    return (value for _, value in located(text))


def manifests(text: str | bytes) -> list[Json]:
    """Every object of a stream of documents, lists taken apart. Raises yaml.YAMLError."""
    return [item for value in documents(text) for item in items(value)]


def items(document: Any) -> list[Json]:
    """The objects in one document: a list's, or itself; none in what is no mapping."""
    if not isinstance(document, dict):
        return []
    return list(document["items"] or ()) if _is_list(document) else [document]


def _is_list(value: Json) -> bool:
    return str(value.get("kind", "")).endswith("List") and isinstance(value.get("items", 0), list | None)
