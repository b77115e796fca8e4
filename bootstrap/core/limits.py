"""How much is read of anything that others wrote, be it a tree, a file, a record or an answer.

Past a limit a reader says so, as a finding or with exit code 2; it never goes on with a part. The limits lie
far above what occurs: the largest custom resource definitions have 2 MiB and 30 levels.
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
JSON_DIGITS = 400  # Python's own limit is 4300, and a float ends at 309
RECORD_BYTES = 64 * KIB
SCRIPT_BYTES = MIB
CHART_BYTES = 64 * MIB
CHART_FILES = 10_000
PATTERN_CHARACTERS = 1_000
TEXT_CHARACTERS = 32 * KIB
LINE_CHARACTERS = 64 * KIB
PASSWORD_CHARACTERS = 1_000
GENERATED = 5_000
GRACE = 1.5  # seconds from Ctrl-C for a command that only reads to clear up


@dataclass(frozen=True)
class Limit:
    """`past`: what happens to what has more."""

    what: str
    most: str
    past: str


_FINDING = "a finding, or not checked"
_REFUSED = "exit code 2"
_NAMED = "the command ends and names it"

TABLE = (
    Limit("YAML: manifests, values, what helm and kustomize print", f"{YAML_BYTES >> 20} MiB", _FINDING),
    Limit("nesting of YAML, aliases followed", f"{YAML_LEVELS} levels", _FINDING),
    Limit("values of a YAML document, aliases and merges spelled out", f"{YAML_VALUES:,}", _FINDING),
    Limit("`%TAG` directives of a YAML stream", f"{YAML_DIRECTIVES}", _FINDING),
    Limit("the configuration file", f"{CONFIGURATION_BYTES >> 20} MiB", _REFUSED),
    Limit("nesting of the configuration", f"{CONFIGURATION_LEVELS} levels", _REFUSED),
    Limit("values of the configuration, aliases spelled out", f"{CONFIGURATION_VALUES:,}", _REFUSED),
    Limit("JSON: Terraform's plan and state, saved pictures, reports", f"{JSON_BYTES >> 20} MiB", _NAMED),
    Limit("nesting of JSON", f"{JSON_LEVELS} levels", _NAMED),
    Limit("digits of a number in JSON", f"{JSON_DIGITS}", _NAMED),
    Limit(
        "records: run lock, environment, what a machine says of itself",
        f"{RECORD_BYTES >> 10} KiB",
        "it counts as none that bootstrap wrote",
    ),
    Limit(
        "a message of Kubernetes in a picture",
        f"{TEXT_CHARACTERS >> 10} Ki characters",
        "its end is left out",
    ),
    Limit(
        "a Terraform file, script or pipeline, searched for facts",
        f"{SCRIPT_BYTES >> 20} MiB",
        "not searched",
    ),
    Limit(
        "a line of Git, searched for credentials", f"{LINE_CHARACTERS >> 10} Ki characters", "not searched on"
    ),
    Limit("a key or a value that may be a password", f"{PASSWORD_CHARACTERS:,} characters", "it is none"),
    Limit("any other file of a repository", f"{CHART_BYTES >> 20} MiB", _FINDING),
    Limit("an archive of a chart, unpacked", f"{CHART_BYTES >> 20} MiB, {CHART_FILES:,} files", _FINDING),
    Limit("a pattern (glob) of Argo CD", f"{PATTERN_CHARACTERS:,} characters", _FINDING),
    Limit("elements of the generators of an ApplicationSet", f"{GENERATED:,}", "not checked"),
    Limit(
        "clearing up after Ctrl-C, of a command that only reads",
        f"{GRACE} s",
        "the process ends, exit code 130",
    ),
)
