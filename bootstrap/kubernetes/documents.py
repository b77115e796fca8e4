"""YAML as Kubernetes reads it, within limits. Pure.

PyYAML follows YAML 1.1 to the letter and so differs from the parser behind the API server, Helm and
kustomize: it turns `12:30` into 750 (base 60), `2024-01-01` into a date and fails on a bare `=`, which
stands in the enums of well-known CRDs. Here every value is one that JSON can carry, and every key is text.

PyYAML's composer in C recurses on the stack of C, so how deep a text can be is looked at before
(`_require_bounded`): by counting bytes, and only where that is too rough, by parsing.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from bootstrap.core.limits import YAML_BYTES, YAML_DIRECTIVES, YAML_LEVELS, YAML_VALUES
from bootstrap.kubernetes.objects import Json

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_TEXT, _MERGE = f"{_PREFIX}str", f"{_PREFIX}merge"
_MAPPINGS = frozenset(_PREFIX + each for each in ("map", "set"))
_LISTS = frozenset(_PREFIX + each for each in ("seq", "omap", "pairs"))
_STACK = 5_000  # levels that the composer in C bears in a thread of 8 MiB, four times over
_BLANKS = bytes.maketrans(b"-?:\t", b"    ")
_OCTAL = re.compile(r"([-+]?)0([0-7]+)")


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


class TooMuch(ConstructorError):
    """Past a limit of `core/limits.py`."""


def located(text: str | bytes) -> Iterator[tuple[int, Any]]:
    """Each document that is not empty, with the line (from 1) on which it starts. Raises yaml.YAMLError; for
    what is past a limit, such as aliases that lead into themselves or explode, too."""
    for node in nodes(text):
        value = _Builder().value(node, 1)
        if value is not None:
            yield node.start_mark.line + 1, value


def nodes(text: str | bytes) -> Iterator[yaml.Node]:
    """The node of each document. Their depth is bounded by the stack alone. Raises yaml.YAMLError."""
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    _require_bounded(raw)
    loader = _Loader(raw)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


class _Builder:
    """Makes a document's value. An alias is spelled out each time, so that what it holds counts, too."""

    def __init__(self) -> None:
        self._left = YAML_VALUES

    def value(self, node: Any, level: int) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _TEXT else _scalar(node)
        self._enter(node, level)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, level)
        if node.tag not in _LISTS:
            raise _refused(node, f"a list that is tagged {node.tag}")
        return [self.value(item, level + 1) for item in node.value]

    def _mapping(self, node: Any, level: int) -> Json:
        if node.tag not in _MAPPINGS:
            raise _refused(node, f"a mapping that is tagged {node.tag}")
        found: Json = {}
        merges = []
        for key, value in node.value:
            if key.tag == _TEXT and isinstance(key, yaml.ScalarNode):
                found[key.value] = self.value(value, level + 1)
            elif key.tag == _MERGE:
                merges.append(value)
            else:
                found[_key(key)] = self.value(value, level + 1)
        return {**self._merged(merges, level), **found} if merges else found

    def _merged(self, merges: list[Any], level: int) -> Json:
        """What `<<` names. Of a list, the first mapping wins."""
        found: Json = {}
        for merge in merges:
            for one in merge.value[::-1] if isinstance(merge, yaml.SequenceNode) else [merge]:
                if not isinstance(one, yaml.MappingNode):
                    raise _refused(one, "a merge of what is no mapping")
                self._enter(one, level + 1)
                found |= self._mapping(one, level + 1)
        return found

    def _enter(self, node: Any, level: int) -> None:
        self._left -= len(node.value) + 1
        if level > YAML_LEVELS:
            raise _too_deep(node.start_mark)
        if self._left < 0:
            raise _too_many(node.start_mark)


def _key(node: Any) -> str:
    """As the API server's parser makes text of a key."""
    value = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if value is None:
        raise _refused(node, "a key that is no text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(node: Any) -> Any:
    make = _SCALARS.get(node.tag)
    if make is None:
        raise _refused(node, f"a value that is tagged {node.tag}")
    try:
        return make(node.value)
    except (ValueError, LookupError):
        kind = node.tag.removeprefix(_PREFIX)
        raise _refused(node, f"a value that cannot be read as {kind}") from None


def _whole(text: str) -> Any:
    """One that takes more than 64 bits is a fraction, and text where it is no such, as in Go."""
    plain = text.replace("_", "").lower()
    try:
        value = int(_OCTAL.sub(r"\g<1>0o\2", plain) if _OCTAL.fullmatch(plain) else plain, 0)
        return value if -(1 << 63) <= value < 1 << 64 else float(value)
    except OverflowError:
        return text
    except ValueError:
        if len(plain) > _LONGEST and plain.lstrip("+-").isdigit():
            return text
        raise


def _number(text: str) -> Any:
    value = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    if isfinite(value):
        return value
    if text[-1].isdigit():  # too large
        return text
    raise ValueError(f"JSON has no {text}")


_LONGEST = 4_300  # digits of which Python makes a number
_SCALARS: Mapping[str, Callable[[str], Any]] = {
    _TEXT: str,
    f"{_PREFIX}null": lambda _: None,
    f"{_PREFIX}bool": lambda text: yaml.SafeLoader.bool_values[text.lower()],
    f"{_PREFIX}int": _whole,
    f"{_PREFIX}float": _number,
    f"{_PREFIX}timestamp": str,
    f"{_PREFIX}binary": lambda text: b64decode(text).decode(errors="replace"),
    _MERGE: str,  # a value `<<`
}


def _require_bounded(raw: bytes) -> None:
    """Raises yaml.YAMLError for what is too large, and for what is so deep, or has so many values, that to
    compose it takes the whole stack, or gigabytes."""
    if len(raw) > YAML_BYTES:
        raise TooMuch(None, None, f"larger than {YAML_BYTES >> 20} MiB", None)
    if raw.count(b"%TAG") > YAML_DIRECTIVES:  # each is compared with each
        raise TooMuch(None, None, f"more than {YAML_DIRECTIVES} %TAG directives", None)
    if any(map(_suspicious, raw.split(b"\n---"))):
        _require_counts(raw)


def _suspicious(document: bytes) -> bool:
    """Whether it may be. A level takes a bracket or a column, a value takes a separator or a bracket."""
    return (
        document.count(b"[") + document.count(b"{") > _STACK
        or len(document) - len(document.translate(None, b"\r\n,:[{-?")) > YAML_VALUES // 2
        or b" " * (_STACK // 2) in document.translate(_BLANKS)
    )


def _require_counts(raw: bytes) -> None:
    level = values = 0
    for event in yaml.parse(raw, Loader=_Base):
        if isinstance(event, yaml.DocumentStartEvent):
            values = 0
        elif isinstance(event, yaml.NodeEvent):
            values += 1
            level += isinstance(event, yaml.CollectionStartEvent)
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
        if level > YAML_LEVELS:
            raise _too_deep(event.start_mark)
        if values > YAML_VALUES:
            raise _too_many(event.start_mark)


def _too_deep(mark: Any) -> TooMuch:
    return TooMuch(None, None, f"nested more than {YAML_LEVELS} levels deep", mark)


def _too_many(mark: Any) -> TooMuch:
    return TooMuch(None, None, f"more than {YAML_VALUES:,} values, with aliases spelled out", mark)


def _refused(node: Any, what: str) -> ConstructorError:
    return ConstructorError(None, None, what, node.start_mark)


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
