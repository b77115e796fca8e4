"""How much of anything foreign is read: what others wrote, be it a tree, a file, a record or an answer.

Past a limit a reader says so, as a finding or with exit code 2; it never goes on with a part. The limits lie
far above what occurs: the largest custom resource definitions are 2 MiB, and 30 levels deep.
docs/limits.md is made from `TABLE`.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1 << 10, 1 << 20

YAML_BYTES = 16 * MIB
YAML_LEVELS = 100
YAML_VALUES = 1_000_000
YAML_DIRECTIVES = 100
CONFIGURATION_BYTES = MIB
CONFIGURATION_LEVELS = 40
CONFIGURATION_VALUES = 100_000
JSON_BYTES = 64 * MIB
JSON_LEVELS = 100
RECORD_BYTES = 64 * KIB
SCRIPT_BYTES = MIB
CHART_BYTES = 64 * MIB
CHART_FILES = 10_000
PATTERN_CHARACTERS = 1_000
TEXT_CHARACTERS = 32 * KIB
LINE_CHARACTERS = 64 * KIB
PASSWORD_CHARACTERS = 1_000
GENERATED = 5_000
INTERRUPT_SECONDS = 2.0


@dataclass(frozen=True)
class Limit:
    """`past`: what happens to what has more."""

    what: str
    most: str
    past: str


_FINDING = "the file is a finding (or not checked), the rest is read"
_USAGE = "exit code 2, with the file"

TABLE = (
    Limit(
        "a YAML stream: manifests, values, what helm and kustomize print", f"{YAML_BYTES >> 20} MiB", _FINDING
    ),
    Limit("nesting of YAML", f"{YAML_LEVELS} levels, aliases followed", _FINDING),
    Limit("values of a YAML document", f"{YAML_VALUES:,}, aliases and merges spelled out", _FINDING),
    Limit("the configuration file", f"{CONFIGURATION_BYTES >> 20} MiB", _USAGE),
    Limit("nesting of the configuration", f"{CONFIGURATION_LEVELS} levels", _USAGE),
    Limit("values of the configuration", f"{CONFIGURATION_VALUES:,}, aliases spelled out", _USAGE),
    Limit(
        "JSON: plans of Terraform, state, saved pictures, manifests of backups",
        f"{JSON_BYTES >> 20} MiB",
        "the command ends and names it; nothing was touched",
    ),
    Limit("nesting of JSON", f"{JSON_LEVELS} levels", "as above"),
    Limit(
        "records: run lock, environment, what machines say of themselves",
        f"{RECORD_BYTES >> 10} KiB",
        "it counts as one that nobody of ours wrote",
    ),
    Limit(
        "a Terraform file or a script that is searched for facts", f"{SCRIPT_BYTES >> 20} MiB", "not searched"
    ),
    Limit(
        "a chart's archive, unpacked",
        f"{CHART_BYTES >> 20} MiB, {CHART_FILES:,} files",
        "the chart is a finding",
    ),
    Limit("a pattern (glob)", f"{PATTERN_CHARACTERS:,} characters", "not checked"),
    Limit("Applications, or parameters, of an ApplicationSet", f"{GENERATED:,}", "not checked"),
    Limit(
        "time from Ctrl-C to the end of a command that reads",
        f"{INTERRUPT_SECONDS:g} s",
        "a second one ends at once",
    ),
)
