"""The rendered tree of a GitOps repository, as frozen data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bootstrap.core.rendering import UNKNOWN
from bootstrap.kubernetes.argo import HOOK, wave_of
from bootstrap.kubernetes.objects import (
    Json,
    Key,
    Kind,
    annotations_of,
    labels_of,
    metadata,
    name,
    namespace,
    spec,
)

# In place of a CRD's schema: how many bytes its JSON has at least.
LEFT_OUT = "x-left-out"


# How the `via` of manifests begins that the step `eso` installs before the root Application adopts them.
BY_ESO = "installed from outside by the step eso"


@dataclass(frozen=True, order=True)
class Location:
    """`file` is a POSIX path from the repository's root, `line` counts from 1."""

    file: str
    line: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


STAND_IN = "(stand-in)"  # the end of Manifest.via where the real thing could not be fetched


@dataclass(frozen=True)
class Manifest:
    """One rendered object; a CRD is without its schemas. `app` is the Application that owns it, `where` the
    most exact place in Git that it comes from (its own document; else the line of the Application's source),
    `via` how it was made there: empty for a file of Git, else words such as "chart grafana 10.5.15"."""

    item: Json
    app: str
    where: Location
    via: str = ""
    namespace: str = ""  # where it goes: its own, else the Application's destination; "" when cluster-wide

    @cached_property
    def key(self) -> Key:
        return Key(Kind.of(self.item).unversioned, self.namespace, name(self.item))

    @property
    def labels(self) -> Mapping[str, str]:
        return labels_of(self.item)

    @property
    def guessed(self) -> bool:
        """Whether it is of a stand-in for a chart about which nothing is known."""
        return UNKNOWN.items() <= self.labels.items()

    @property
    def wave(self) -> int:
        """Inside its Application's sync."""
        return wave_of(self.item)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Phases it is a hook of (PreSync, Sync, PostSync, SyncFail, Skip …); empty for any other object."""
        said = str(annotations_of(self.item).get(HOOK) or "")
        return tuple(part.strip() for part in said.split(",") if part.strip())


@dataclass(frozen=True)
class App:
    """An Application of the tree, with what it renders to.

    `position` is its place in time: the sync waves from the root down to it, its own last. Of two
    Applications the one with the smaller tuple starts, and is Healthy, first; equal ones go together.
    The root has ().
    `parent` is the Application whose manifests hold it, `set` the ApplicationSet that makes it ("" for none),
    `step` the RollingSync step of the set it is in (None without RollingSync).
    """

    item: Json
    where: Location
    position: tuple[int, ...]
    parent: str = ""
    set: str = ""
    step: int | None = None
    manifests: tuple[Manifest, ...] = ()

    @property
    def name(self) -> str:
        return name(self.item)

    @property
    def wave(self) -> int:
        return self.position[-1] if self.position else 0

    @property
    def namespace(self) -> str:
        return namespace(self.item)

    @property
    def labels(self) -> Mapping[str, str]:
        return metadata(self.item).get("labels") or {}


def destination(app: App) -> str:
    """The namespace of its objects that name none; "" when it says none."""
    return str((spec(app.item).get("destination") or {}).get("namespace") or "")


@dataclass(frozen=True)
class AppSet:
    """An ApplicationSet; the Applications it makes are in the Tree like all others."""

    item: Json
    where: Location
    position: tuple[int, ...]
    parent: str = ""

    @property
    def name(self) -> str:
        return name(self.item)


@dataclass(frozen=True)
class Unchecked:
    """What could not be rendered or known offline: reported as not checked, never as fine. `app` is the
    Application that it is about, "" for anything else."""

    what: str
    why: str
    where: Location
    cure: str = ""
    app: str = ""


@dataclass(frozen=True)
class Broken:
    """What Argo CD itself will certainly fail to render: the local files make helm or kustomize fail, a value
    file is missing, a set's template names what is not there. `why` is the tool's own last words, `app` as in
    Unchecked."""

    what: str
    why: str
    where: Location
    cure: str = ""
    app: str = ""


@dataclass(frozen=True)
class Blank:
    """What could not be rendered, or has a stand-in about which nothing is known: it may bring any object.
    `namespace` is where its objects go, "" when that is not known; `wide`: also cluster-wide ones that others
    need."""

    what: str
    namespace: str = ""
    wide: bool = True


@dataclass(frozen=True)
class Seeded:
    """SSM parameters (full names) that exist before the root app: `names` seeded by the configuration,
    `facts` published by Terraform. `prefix` has no trailing slash."""

    prefix: str = ""
    names: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tree:
    """Everything that is in the cluster at the end.

    `apps` are sorted by position and name; `installed` is what stands before the root app (Argo CD's own
    manifests, its AppProjects); `files` maps every YAML file read (path from the root) to its text.
    """

    apps: tuple[App, ...]
    sets: tuple[AppSet, ...] = ()
    installed: tuple[Manifest, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    broken: tuple[Broken, ...] = ()
    blanks: tuple[Blank, ...] = ()
    seeded: Seeded = field(default_factory=Seeded)
    files: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> Mapping[str, App]:
        return {app.name: app for app in self.apps}

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """All rendered objects of all Applications, without what is installed."""
        return tuple(item for app in self.apps for item in app.manifests)
