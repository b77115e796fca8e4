"""CRDs without their schemas: nine tenths of what there is to parse, and nothing that an order depends on."""

from __future__ import annotations

import re

from bootstrap.lint.model import LEFT_OUT

_SCHEMA = re.compile(rb"^( +)openAPIV3Schema:[ \t]*\n((?:\1 +.*\n|[ \t]*\n)+)", re.MULTILINE)
_WORD = b"openAPIV3Schema"
_EMPTIED = re.compile(rb"\s*%b: (\d+)\s*" % LEFT_OUT.encode())


def without(content: bytes) -> bytes:
    """The same lines, those of schemas empty, so that all others keep their numbers. What is left of a schema
    is how long it was: {x-left-out: 12345}."""
    if _WORD not in content:
        return content
    return _SCHEMA.sub(_emptied, content)


def _emptied(found: re.Match[bytes]) -> bytes:
    lines = found[2].splitlines()
    before = _EMPTIED.fullmatch(found[2])  # what was emptied went through kustomize
    # Each line of YAML is longer in JSON: quotes and a comma outweigh the space or dash.
    length = int(before[1]) if before else sum(len(line.strip()) + 1 for line in lines)
    return b"%b%b: {%b: %d}\n" % (found[1], _WORD, LEFT_OUT.encode(), length) + b"\n" * len(lines)
