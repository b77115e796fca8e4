"""What it takes to render manifests without a cluster: the programs, and the way to charts and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Tools:
    """Paths of the programs the pipeline runs."""

    terraform: Path
    helm: Path
    kustomize: Path


@dataclass(frozen=True)
class Source:
    """What served a chart or file: `origin` is upstream, cache or stand-in."""

    source: str
    version: str
    origin: str


@dataclass(frozen=True)
class Outside:
    """The way to charts and remote files: `environment` leads there, `served()` is what came from where."""

    environment: Mapping[str, str] = field(default_factory=dict)
    served: Callable[[], tuple[Source, ...]] = tuple


@dataclass(frozen=True)
class Rendering:
    """How manifests are rendered without a cluster. `open()` makes the way outside while it is entered; `key`
    changes when what it serves does (the stand-ins of this version), besides what upstream has."""

    open: Callable[[], AbstractContextManager[Outside]]
    key: str = ""


# A label of what stands for a chart about which nothing is known: a real one has much that it lacks.
UNKNOWN = {"bootstrap.local/stand-in": "unknown"}
DIRECT = Rendering(lambda: nullcontext(Outside()))  # no proxy, no stand-in
