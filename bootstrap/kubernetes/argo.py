"""Reading Argo CD's Applications. Pure.

An Application's status is a memory: it may tell of another commit, another specification or an operation
that has not ended. `stale` says why it must not be trusted yet (argo-cd issues 4669 and 5585: an old
"Healthy" passes the gate between waves).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bootstrap.kubernetes.objects import (
    CRD,
    Json,
    Kind,
    annotations_of,
    dig,
    metadata,
    name,
    spec,
    status,
    uid,
)

WAVE = "argocd.argoproj.io/sync-wave"
HOOK, HELM_HOOK, HOOK_WEIGHT = "argocd.argoproj.io/hook", "helm.sh/hook", "helm.sh/hook-weight"
IN_CLUSTER, IN_CLUSTER_NAME = "https://kubernetes.default.svc", "in-cluster"  # destination of the own cluster
REFRESH = "argocd.argoproj.io/refresh"  # removed by the controller once it has compared anew
SET_REFRESH = "argocd.argoproj.io/application-set-refresh"  # the same for ApplicationSets
TRACKING = "argocd.argoproj.io/tracking-id"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ARGOCD_MANAGER = "argocd-controller"  # field manager of its applies
CASCADE = "resources-finalizer.argocd.argoproj.io"
ERRORS = ("ComparisonError", "InvalidSpecError", "SyncError", "UnknownError", "DeletionError")

_INTEGER = re.compile(r"[+-]?[0-9]+")
_LONGEST = 64  # digits worth reading
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_SCP = re.compile(r"((?:[^@/:]+@)?[^@/:]+):(.*)")  # user@host:path, as ssh and Git have it
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")
_EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")


@dataclass(frozen=True)
class Expected:
    """What the GitOps repository's `revision` stands for now: `commit` is 40 hex digits."""

    repo_url: str
    revision: str
    commit: str


@dataclass(frozen=True)
class ComparedSource:
    """One source of an Application and the revision it was last compared at."""

    repo_url: str
    target: str
    chart: str
    compared: str

    def stale(self, expected: Expected) -> str:
        """Why the comparison is not about what is wanted now; empty when it is."""
        if not self.compared:
            return "has not been compared with Git yet"
        if same_repository(self.repo_url, expected.repo_url) and self.target in {
            expected.revision,
            "HEAD",
            "",
        }:
            if self.compared != expected.commit:
                return f"was compared at {self.compared[:8]}, not yet at {expected.commit[:8]}"
        elif (
            self.chart
            and _EXACT.fullmatch(self.target)
            and self.compared.lstrip("v") != self.target.lstrip("v")
        ):
            return f"was compared at chart version {self.compared}, not yet at {self.target}"
        return ""


@dataclass(frozen=True)
class View:
    """An Application with names for what is read from it."""

    item: Json

    @property
    def name(self) -> str:
        return name(self.item)

    @property
    def uid(self) -> str:
        return uid(self.item)

    @property
    def sync(self) -> str:
        return str(dig(status(self.item), "sync", "status") or "Unknown")

    @property
    def health(self) -> str:
        return str(dig(status(self.item), "health", "status") or "Unknown")

    @property
    def phase(self) -> str:
        """Of the last operation: Running, Terminating, Succeeded, Failed, Error, or empty."""
        return str(dig(status(self.item), "operationState", "phase") or "")

    @property
    def busy(self) -> bool:
        """Whether a sync is asked for or running."""
        return bool(self.item.get("operation")) or self.phase in {"Running", "Terminating"}

    @property
    def failed(self) -> bool:
        """Whether the last sync failed for good: Argo CD's own retries are used up."""
        return not self.busy and self.phase in {"Failed", "Error"}

    @property
    def operation_revisions(self) -> tuple[str, ...]:
        """Revisions that the last operation syncs or has synced, one a source."""
        state = status(self.item).get("operationState") or {}
        for where in (state.get("syncResult") or {}, dig(state, "operation", "sync") or {}):
            found = tuple(where.get("revisions") or ()) or tuple(filter(None, (where.get("revision"),)))
            if found:
                return found
        return ()

    @property
    def operation_started(self) -> str:
        return str(dig(status(self.item), "operationState", "startedAt") or "")

    @property
    def operation_message(self) -> str:
        return str(dig(status(self.item), "operationState", "message") or "")

    @property
    def refreshing(self) -> bool:
        return REFRESH in annotations_of(self.item)

    @property
    def reconciled(self) -> str:
        """When it was last compared with Git (RFC 3339); empty when never."""
        return str(status(self.item).get("reconciledAt") or "")

    @property
    def compared(self) -> bool:
        """Whether it was compared with Git at least once."""
        return any(source.compared for source in self.sources())

    @property
    def resources(self) -> tuple[Json, ...]:
        """What it consists of: group, kind, namespace, name, status, syncWave."""
        return tuple(status(self.item).get("resources") or ())

    @property
    def sync_results(self) -> tuple[Json, ...]:
        """What the last sync did to each resource, hooks with hookType and hookPhase."""
        return tuple(dig(status(self.item), "operationState", "syncResult", "resources") or ())

    @property
    def wanted_sources(self) -> tuple[Json, ...]:
        """One or many: `spec.source`, `spec.sources`, or the sync source of `spec.sourceHydrator`."""
        if hydrated := _sync_source(self.item):
            return (hydrated,)
        many, one = spec(self.item).get("sources"), spec(self.item).get("source")
        return tuple(many or ((one,) if one else ()))

    def sources(self) -> tuple[ComparedSource, ...]:
        wanted = self.wanted_sources
        sync = status(self.item).get("sync") or {}
        compared = tuple(sync.get("revisions") or ()) or (sync.get("revision") or "",)
        compared += ("",) * (len(wanted) - len(compared))
        return tuple(
            ComparedSource(
                str(source.get("repoURL", "")),
                str(source.get("targetRevision") or ""),
                str(source.get("chart") or ""),
                str(at),
            )
            for source, at in zip(wanted, compared, strict=False)
        )

    def stale(self, expected: Expected) -> str:
        """Why its status is not about what is wanted now; empty when it is."""
        for source in self.sources():
            if reason := source.stale(expected):
                return reason
        compared = dig(status(self.item), "sync", "comparedTo") or {}
        wanted = {key: spec(self.item).get(key) for key in ("source", "sources", "destination")}
        wanted["source"] = _sync_source(self.item) or wanted["source"]
        seen = {key: compared.get(key) for key in wanted}
        if wanted != seen and essential(wanted) != essential(seen):
            return "has changed since it was last compared"
        return ""

    def outdated_operation(self, expected: Expected) -> bool:
        """Whether the last operation is about another commit than the wanted one."""
        return any(
            replaced.stale(expected)
            for source, revision in zip(self.sources(), self.operation_revisions, strict=False)
            if same_repository(source.repo_url, expected.repo_url)
            for replaced in (ComparedSource(source.repo_url, source.target, source.chart, revision),)
        )

    def why_not(self, expected: Expected) -> str:
        """Why it is not done: Synced, Healthy, current, at rest. Empty when it is."""
        if metadata(self.item).get("deletionTimestamp"):
            return "is being deleted"
        if reason := self.stale(expected):
            return "; ".join(filter(None, (reason, self.errors())))
        if self.sync != "Synced" or self.health != "Healthy" or self.busy or self.failed:
            return self.message()
        return ""

    def errors(self) -> str:
        """The error conditions' messages."""
        found = (
            f"{entry.get('type')}: {entry.get('message', '')}"
            for entry in status(self.item).get("conditions") or ()
            if entry.get("type") in ERRORS
        )
        return "; ".join(dict.fromkeys(found))

    def message(self) -> str:
        """What Argo CD has to say about it, the most telling first."""
        return "; ".join(dict.fromkeys(filter(None, self._words()))) or f"{self.sync}, {self.health}"

    def _words(self) -> Iterator[str]:
        yield self.errors()
        if self.busy or self.failed:
            yield f"sync {self.phase or 'asked for'}: {self.operation_message}".rstrip(": ")
        yield str(dig(status(self.item), "health", "message") or "")
        late = [entry for entry in self.resources if entry.get("status") == "OutOfSync"]
        if self.sync == "OutOfSync" and late:
            shown = ", ".join(f"{entry.get('kind')} {entry.get('name')}" for entry in late[:3])
            more = f" and {len(late) - 3} more" if len(late) > 3 else ""
            yield f"out of sync: {shown}{more}"


def _sync_source(item: Json) -> Json | None:
    """What a source hydrator writes and Argo CD syncs from, as a source; None without a hydrator."""
    hydrator = spec(item).get("sourceHydrator")
    if not hydrator:
        return None
    wanted = hydrator.get("syncSource") or {}
    return {
        "repoURL": wanted.get("repoURL") or dig(hydrator, "drySource", "repoURL"),
        "path": wanted.get("path"),
        "targetRevision": wanted.get("targetBranch"),
    }


def wave_of(item: Json) -> int:
    """The sync wave of an object: gitops-engine's syncwaves.Wave. What is no number does not count; then
    Helm's hook weight does, and else it is 0."""
    notes = annotations_of(item)
    waves = (atoi(str(notes[note])) for note in (WAVE, HOOK_WEIGHT) if note in notes)
    return next((wave for wave in waves if wave is not None), 0)


def atoi(text: str) -> int | None:
    """As Go's strconv.Atoi: a decimal number of 64 bits with or without a sign; None for anything else."""
    number = int(text) if _INTEGER.fullmatch(text) and len(text) <= _LONGEST else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def same_repository(one: str, other: str) -> bool:
    """Whether two URLs mean one Git repository, however it is reached: `git@host:a/b`, `ssh://git@host/a/b`
    and `https://host/a/b.git` do. Case counts as little as for Argo CD."""
    return _repository(one) == _repository(other)


def _repository(url: str) -> tuple[str, str, str]:
    """What kind of place it is, host with port, and path. The usual port of a scheme says nothing."""
    url = url.strip().lower()
    if "://" not in url and (found := _SCP.fullmatch(url)):
        url = f"ssh://{found[1]}/{found[2]}"
    scheme, _, rest = url.rpartition("://")
    host, _, path = rest.partition("/")
    host = host.rpartition("@")[2].removesuffix(f":{_PORTS.get(scheme)}")
    path = re.sub("/+", "/", path).strip("/").removesuffix(".git")
    return "git" if scheme in _PORTS else scheme, host, path


def kubernetes_version(git_version: str) -> str:
    """A server's version as Argo CD gives it to Helm and Kustomize: `1.34.2` for `v1.34.2-eks-abc`."""
    found = _VERSION.match(git_version)
    return found[1] if found else git_version


def essential(value: Any) -> Any:
    """A value without what means nothing: Argo CD leaves empty and false fields out when it writes."""
    if isinstance(value, dict):
        kept = {key: essential(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", False, 0, {}, [])}
    if isinstance(value, list):
        return [essential(inner) for inner in value]
    return value


def slim(item: Json) -> Json:
    """An Application without what nobody here reads, for keeping a thousand of them.

    Left out: who manages which field, what was applied last, all of the history but when it began, results
    of resources that were synced without trouble (hooks stay). What is the same is kept once.
    """
    meta, told = _without(metadata(item), "managedFields"), _without(status(item), "summary", "sourceTypes")
    if annotations := annotations_of(item):
        meta["annotations"] = _without(annotations, LAST_APPLIED)
    told["history"] = [{"deployedAt": entry.get("deployedAt")} for entry in (told.get("history") or ())[:1]]
    if operation := told.get("operationState"):
        told["operationState"] = _slim_operation(operation)
    if compared := dig(told, "sync", "comparedTo"):
        same = {key: spec(item)[key] for key in compared if spec(item).get(key) == compared[key]}
        told["sync"] = {**told["sync"], "comparedTo": {**compared, **same}}
    slimmed: Json = _interned({**item, "metadata": meta, "status": told})
    return slimmed


def _slim_operation(operation: Json) -> Json:
    """With its revisions, and of its results those that are worth a word."""
    results = dig(operation, "syncResult", "resources") or ()
    worth = [entry for entry in results if entry.get("hookType") or entry.get("status") not in _FINE]
    sync = _without(dig(operation, "operation", "sync") or {}, *_BULKY)
    return {
        **operation,
        "operation": {**(operation.get("operation") or {}), "sync": sync},
        "syncResult": {**_without(operation.get("syncResult") or {}, *_BULKY), "resources": worth},
    }


def _without(mapping: Json, *keys: str) -> Json:
    return {key: value for key, value in mapping.items() if key not in keys}


_BULKY = ("source", "sources", "manifests")
_FINE = {"Synced", "Pruned", "PruneSkipped"}


def _interned(value: Any) -> Any:
    """The same with equal short texts (keys, kinds, states) kept once in the whole process."""
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= 64 else value
    if isinstance(value, dict):
        return {sys.intern(key): _interned(inner) for key, inner in value.items()}
    return [_interned(inner) for inner in value] if isinstance(value, list) else value


def tracked(item: Json, app: str, namespace: str) -> Json:
    """The object as Argo CD would apply it for that Application: with its tracking annotation, but no CRD.

    `namespace` is the Application's destination, written where the object names none.
    """
    kind = Kind.of(item)
    if kind.unversioned == CRD:
        return item
    where = metadata(item).get("namespace") or namespace
    tracking = f"{app}:{kind.group}/{kind.name}:{where}/{name(item)}"
    notes = {**annotations_of(item), TRACKING: tracking}
    return {**item, "metadata": {**metadata(item), "annotations": notes}}


def tracked_app(item: Json) -> str:
    """The Application that owns an object by Argo CD's tracking annotation (`<app>:<group>/<kind>:…`)."""
    return annotations_of(item).get(TRACKING, "").partition(":")[0]


def seconds(stamp: str) -> float | None:
    """An RFC 3339 time as Unix seconds; None when there is none."""
    try:
        return datetime.fromisoformat(stamp).timestamp() if stamp else None
    except ValueError:
        return None
