"""Edits of YAML as text: a few characters change, comments, quotes and layout stay. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml

from bootstrap.kubernetes.argo import WAVE, wave_of
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import annotations_of, name

Splice = tuple[int, int, str]  # from, to (characters), text instead


class CannotEdit(Exception):
    """Why the text cannot be changed without guessing."""


def set_wave(text: str, kind: str, called: str, old: int, new: int) -> str:
    """The text with another sync wave for one object, added where there is none.

    Raises CannotEdit when the object does not stand in the text as it is in the cluster: in a template, a
    list, behind an anchor, or when its number comes from somewhere else.
    """
    try:
        items = list(documents(text))  # first of all, as it is bounded
        found = [node for node, item in zip(_nodes(text), items, strict=True) if _is(item, kind, called)]
        before = [item for item in items if _is(item, kind, called)]
    except (yaml.YAMLError, ValueError) as error:
        raise CannotEdit("the file is not plain YAML") from error
    if len(found) != 1:
        raise CannotEdit(f"{kind} {called} is in {'more than one document' if found else 'no document'}")
    if wave_of(before[0]) != old:
        raise CannotEdit(f"the file says wave {wave_of(before[0])}, but something else sets it to {old}")
    changed = apply(text, [_wave_splice(text, found[0], str(new))])
    _verify(text, changed, (kind, called), new)
    return changed


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with all of these done; they must not overlap."""
    for start, end, instead in sorted(splices, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def scalars(text: str) -> Iterator[tuple[tuple[str, ...], yaml.ScalarNode, bool]]:
    """Every scalar of a text with the keys that lead to it, and whether it is itself a key."""
    for node in _nodes(text):
        yield from _walk(node, ())


def splice(text: str, node: yaml.ScalarNode, instead: str) -> Splice:
    """Another value in the same quotes. Raises CannotEdit for what is not simply there."""
    start, end = node.start_mark.index, node.end_mark.index
    here = text[start:end]
    quote = node.style or ""
    if quote not in {"", '"', "'"} or here != f"{quote}{node.value}{quote}":
        raise CannotEdit(
            f"line {node.start_mark.line + 1} is written in a way that only people should change"
        )
    return start, end, f"{quote}{instead}{quote}"


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _walk(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], yaml.ScalarNode, bool]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inside = (*path, str(key.value))
            if isinstance(key, yaml.ScalarNode):
                yield inside, key, True
            yield from _walk(value, inside)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _walk(item, path)
    elif isinstance(node, yaml.ScalarNode):
        yield path, node, False


def _nodes(text: str) -> list[yaml.Node]:
    """Documents that are not empty. The loader in Python: the one in C counts positions in bytes."""
    found = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    return [node for node in found if node.tag != "tag:yaml.org,2002:null"]


def _is(item: Any, kind: str, called: str) -> bool:
    return isinstance(item, dict) and item.get("kind") == kind and name(item) == called


def _wave_splice(text: str, document: yaml.Node, new: str) -> Splice:
    metadata = _pair(document, "metadata")
    annotations = _pair(metadata[1], "annotations")
    if annotations is None:
        return _insert(text, metadata[1], "annotations", lambda pad: _annotations(metadata[1], pad, new))
    key, held = annotations
    if isinstance(held, yaml.ScalarNode):  # `annotations:` with nothing in it
        at = key.end_mark.index + text[key.end_mark.index :].index(":") + 1
        return at, max(at, held.end_mark.index), f' {{{WAVE}: "{new}"}}'
    inside = key.end_mark.index <= held.start_mark.index < metadata[1].end_mark.index
    there = _pair(held, WAVE)
    if not inside:
        raise CannotEdit("its annotations are an alias")
    if there is None:
        return _insert(text, held, WAVE, lambda _: f'{WAVE}: "{new}"')
    if not isinstance(there[1], yaml.ScalarNode) or there[1].start_mark.index < there[0].end_mark.index:
        raise CannotEdit("its wave is an alias")
    return splice(text, there[1], new)


def _annotations(mapping: yaml.MappingNode, pad: str, new: str) -> str:
    if mapping.flow_style:
        return f'annotations: {{{WAVE}: "{new}"}}'
    return f'annotations:\n{pad}  {WAVE}: "{new}"'


def _insert(text: str, mapping: yaml.Node, key: str, made: Callable[[str], str]) -> Splice:
    """A new first pair of a mapping; after `name`, where there is one on a line of its own."""
    if not isinstance(mapping, yaml.MappingNode) or _pair(mapping, "<<"):
        raise CannotEdit(f"{key} cannot be added next to a merge key")
    if mapping.flow_style:
        at = mapping.start_mark.index + 1
        return at, at, made("") + (", " if mapping.value else "")
    first = mapping.value[0][0]
    pad = " " * first.start_mark.column
    named = _pair(mapping, "name")
    newline = "\r\n" if "\r\n" in text else "\n"
    if named and isinstance(named[1], yaml.ScalarNode) and named[1].style not in {"|", ">"}:
        end = text.find("\n", named[1].end_mark.index)
        at = len(text) if end < 0 else end + 1
        lead = newline if end < 0 else ""
        return at, at, f"{lead}{pad}{made(pad).replace(chr(10), newline)}{newline}"
    at = first.start_mark.index
    return at, at, f"{made(pad).replace(chr(10), newline)}{newline}{pad}"


def _pair(node: yaml.Node | None, key: str) -> Any:
    """Key and value nodes of a mapping's entry, or None."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((pair for pair in node.value if pair[0].value == key), None)


def _verify(old: str, new: str, which: tuple[str, str], wave: int) -> None:
    """Nothing but the one number may differ: what is edited as text is read again as data."""
    for before, after in zip(documents(old), documents(new), strict=True):
        if _is(before, *which):
            notes = {**annotations_of(before), WAVE: annotations_of(after).get(WAVE)}
            before["metadata"]["annotations"] = notes
            if wave_of(after) != wave:
                raise CannotEdit("its number is not where it appears to be")
        if before != after:
            raise CannotEdit("the edit would change more than its number")
