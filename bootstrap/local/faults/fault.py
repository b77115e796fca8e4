"""The faults of the catalogue as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap.core.errors import UsageError

CATALOGUE = Path(__file__).parent / "catalogue"


@dataclass(frozen=True)
class Fault:
    """`name` is the id of the cause. `manifests` is the YAML that its Application deploys, with $variables
    (see overlay.py), `before` the YAML that an earlier Application puts into its namespace; `files` are
    further files by name. `application` and `project` patch the generated Application and AppProject.
    `namespace`: whether the fault creates its own. `cluster_fault` names one of cluster.py ("" for none).
    """

    name: str
    summary: str
    manifests: str = ""
    before: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    application: Mapping[str, Any] = field(default_factory=dict)
    project: Mapping[str, Any] = field(default_factory=dict)
    namespace: bool = True
    cluster_fault: str = ""


@dataclass(frozen=True)
class Rehearsal:
    """A fault and its sync wave (None: the first wave that has what faults need)."""

    fault: Fault
    wave: int | None = None


def load() -> tuple[Fault, ...]:
    """All faults, by name."""
    return tuple(parse(file.stem, file.read_text()) for file in sorted(CATALOGUE.glob("*.yaml")))


def parse(name: str, text: str) -> Fault:
    """The first document describes the fault, the others are its manifests."""
    head, _, manifests = text.partition("\n---\n")
    return Fault(name=name, manifests=manifests, **yaml.safe_load(head))


def choose(asked: str) -> Rehearsal:
    """`NAME` or `NAME@WAVE`. Raises UsageError."""
    name, _, wave = asked.partition("@")
    if wave and not wave.lstrip("-").isdigit():
        raise UsageError(f"--fault {asked}: {wave!r} is not a wave", cure="bootstrap up --fault NAME@NUMBER")
    known = {fault.name: fault for fault in load()}
    if name not in known:
        raise UsageError(
            f"unknown fault {name}", f"the faults are {', '.join(known)}", "bootstrap up --fault list"
        )
    return Rehearsal(known[name], int(wave) if wave else None)
