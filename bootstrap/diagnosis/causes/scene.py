"""What a rule is given (a Scene) and what it returns (Candidates). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bootstrap.config.model import Environment
from bootstrap.diagnosis.picture import Picture
from bootstrap.diagnosis.strip import REPLICA_SET, REVISION
from bootstrap.kubernetes.argo import View, seconds
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    JOB,
    POD,
    Json,
    Kind,
    annotations_of,
    condition,
    created,
    name,
    namespace,
    terminating,
)

LONGEST = 400  # characters of a reason


@dataclass(frozen=True)
class Candidate:
    """A cause that the cluster shows. `path` leads from below the Application to what shows it; `since` is
    when that began (Unix seconds; None when it does not say)."""

    cause: str
    path: tuple[str, ...]
    reason: str
    command: str
    since: float | None


@dataclass(frozen=True)
class Scene:
    """One pending Application in the picture."""

    picture: Picture
    config: Environment
    app: str

    @property
    def view(self) -> View | None:
        return self.picture.applications.get(self.app)

    def sick(self, *kinds: Kind) -> Iterator[Json]:
        """The Application's objects of these kinds that are not well."""
        for item in self.picture.owned(self.app):
            if Kind.of(item).unversioned in kinds and not assess(item).ok:
                yield item

    def pods(self) -> Iterator[Json]:
        """The Application's pods that are not well and still count: not on their way out, not of a Job that
        succeeded after all, not of an older revision that is being replaced."""
        for pod in self.sick(POD):
            if not terminating(pod) and not any(map(self._over, self.picture.path(pod))):
                yield pod

    def _over(self, owner: Json) -> bool:
        kind = Kind.of(owner).unversioned
        return (kind == JOB and assess(owner).ok) or (kind == REPLICA_SET and self.replaced(owner))

    def replaced(self, replica_set: Json) -> bool:
        """Whether its Deployment has a newer revision."""
        mine = annotations_of(replica_set).get(REVISION)
        newest = {annotations_of(step).get(REVISION) for step in self.picture.path(replica_set)[:-1]}
        return mine is not None and newest - {None} != set() and mine not in newest

    def path(self, item: Json, *below: str) -> tuple[str, ...]:
        """The chain from the Application's object down to this one, and on to what it names."""
        steps = [step for step in self.picture.path(item) if step.get("kind") != "ReplicaSet"]
        return (*map(label, steps or [item]), *below)

    def kubectl(self, *words: str, space: str = "") -> str:
        return kubectl(self.config, *(("-n", space) if space else ()), *words)

    def describe(self, item: Json) -> str:
        kind = Kind.of(item)
        return self.kubectl("describe", str(kind.unversioned).lower(), name(item), space=namespace(item))

    def describe_app(self) -> str:
        return self.kubectl("describe", "application", self.app, space=self.config.gitops.namespace)

    def bootstrap(self, command: str, *words: str) -> str:
        return " ".join(("bootstrap", command, "--environment", self.config.name, *words))


Rule = Callable[[Scene], Iterable[Candidate]]


def label(item: Json) -> str:
    """An object as people name it: `Pod auth/auth-7d4`, `Node worker-1`."""
    return named(str(item.get("kind")), namespace(item), name(item))


def named(kind: str, space: str, which: str) -> str:
    return f"{kind} {space}/{which}" if space else f"{kind} {which}"


def brief(text: str) -> str:
    """One line, not too long."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def of_apps(view: View) -> bool:
    """Whether an Application consists of Applications: those tell."""
    return any(entry.get("kind") in {APPLICATION.name, APPLICATION_SET.name} for entry in view.resources)


def born(item: Json) -> float | None:
    return seconds(created(item))


def turned(item: Json, kind: str) -> float | None:
    """When a condition got its present status."""
    found = condition(item, kind) or {}
    return seconds(str(found.get("lastTransitionTime") or "")) or born(item)
