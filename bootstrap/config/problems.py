"""What can be wrong with a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.core.errors import Problem

# The kinds of problem; part of what `--output json` prints.
SYNTAX, UNKNOWN, MISSING, TYPE, VALUE = "syntax", "unknown", "missing", "type", "value"
CONFLICT, FILE = "conflict", "file"  # keys that do not fit together; what a key points at


@dataclass(frozen=True)
class ConfigProblem(Problem):
    """A problem of a configuration. `key` is its path below the environment, such as `nodes[3].labels`."""

    key: str = ""
    kind: str = SYNTAX
