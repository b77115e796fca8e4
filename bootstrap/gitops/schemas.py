"""CRDs without their schemas: nine tenths of what there is to parse, and nothing that an order depends on."""

from __future__ import annotations

import re

from bootstrap.gitops.model import LEFT_OUT

_SCHEMA = re.compile(rb"^( +)openAPIV3Schema:[ \t]*\n((?:\1 +.*\n|[ \t]*\n)+)", re.MULTILINE)
_WORD = b"openAPIV3Schema"
_PAIR = re.compile(rb"(?:- )?[\w$./-]+:(?: (?P<value>.*))?$")
_PLAIN = re.compile(rb"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z]", re.IGNORECASE)
_EMPTIED = re.compile(rb"\s*%b: (\d+)\s*" % LEFT_OUT.encode())


def without(content: bytes) -> bytes:
    """The same lines, those of schemas empty, so that all others keep their numbers. What is left of a schema
    is how long it was at least: {x-left-out: 12345}."""
    if _WORD not in content:
        return content
    return _SCHEMA.sub(_emptied, content)


def _emptied(found: re.Match[bytes]) -> bytes:
    lines = found[2].splitlines()
    before = _EMPTIED.fullmatch(found[2])  # what was emptied went through kustomize
    length = int(before[1]) if before else _least(lines)
    return b"%b%b: {%b: %d}\n" % (found[1], _WORD, LEFT_OUT.encode(), length) + b"\n" * len(lines)


def _least(lines: list[bytes]) -> int:
    """How long the JSON of these lines of YAML is at least: no commas, and text as short as it can be."""
    length, block = 0, -1  # depth of the key whose text block this is
    for line in lines:
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if block >= 0 and (depth > block or not text):
            length += len(text) + 1
            continue
        block = -1
        pair = _PAIR.match(text)
        if pair is None:  # an item of a list, a quoted key, or text that goes on
            length += len(text) - 2 if text[:1] in b"-\"'" else len(text) + 1
        elif pair["value"] is None:
            length += len(text) + 4  # "key":{}
        elif pair["value"][:1] in b"|>":
            length, block = length + len(text), depth
        else:
            length += len(text) + (3 if _PLAIN.match(pair["value"]) else 0) - pair["value"].count(b"''")
    return length
