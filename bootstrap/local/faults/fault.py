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
    """`name` is the id of the cause it makes happen. `manifests` is the YAML text of what its Application
    deploys, with $holes (see overlay.py), `before` of what an earlier Application puts into its namespace;
    `files` are files of other names. `application` and `project` are merged over what is made by default.
    `namespace`: whether it brings its own. `cluster_fault` names one of cluster.py ("" for none).
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
    """A fault and the wave in which it happens (None: where what it needs is there)."""

    fault: Fault
    wave: int | None = None


def load() -> tuple[Fault, ...]:
    """All faults, by name."""
    return tuple(parse(file.stem, file.read_text()) for file in sorted(CATALOGUE.glob("*.yaml")))


def parse(name: str, text: str) -> Fault:
    """The first document says what it is, the others are the manifests."""
    head, _, manifests = text.partition("\n---\n")
    return Fault(name=name, manifests=manifests, **yaml.safe_load(head))


def choose(asked: str) -> Rehearsal:
    """`NAME` or `NAME@WAVE`. Raises UsageError."""
    name, _, wave = asked.partition("@")
    if wave and not wave.lstrip("-").isdigit():
        raise UsageError(f"--fault {asked}: {wave!r} is no wave", cure="bootstrap up --fault NAME@NUMBER")
    known = {fault.name: fault for fault in load()}
    if name not in known:
        raise UsageError(
            f"there is no fault {name}", f"known are {', '.join(known)}", "bootstrap up --fault list"
        )
    return Rehearsal(known[name], int(wave) if wave else None)
