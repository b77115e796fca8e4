"""What keeps Argo CD from making an object: what the API server said to its sync.

Read from the results of the last operation that failed, or that is being retried. Words of Kubernetes 1.37
(apimachinery/pkg/api/errors, apiserver/pkg/admission) and Argo CD 3.6 (util/argo AugmentSyncMsg). Whatever
can be looked at in the cluster is looked at as well: a definition that is there by now is no cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootstrap.diagnosis.causes.scene import Candidate, Scene, brief, named
from bootstrap.kubernetes.argo import ERRORS, View, seconds
from bootstrap.kubernetes.objects import (
    ENDPOINT_SLICE,
    NAMESPACE,
    Json,
    Kind,
    dig,
    labels_of,
    name,
    namespace,
    status,
    terminating,
)

_WORDS = tuple(
    (cause, re.compile(pattern))
    for cause, pattern in (
        ("project-refuses", r"is not permitted in project"),
        ("webhook-without-endpoints", r"failed calling webhook"),
        (
            "crd-missing",
            r"CRD is installed on the destination cluster|The Kubernetes API could not find"
            r"|could not find the requested resource|no matches for kind",
        ),
        ("namespace-missing", r"namespaces \"[^\"]+\" not found|^Namespace for .* is missing"),
        ("finalizer-stuck", r"because it is being terminated|object is being deleted"),
        ("quota-exceeded", r"exceeded quota"),
        ("rbac-denied", r"is forbidden: User \"[^\"]+\" cannot|attempting to grant RBAC permissions not"),
        (
            "immutable-field",
            r"field is immutable|updates to \S+ spec for fields other than|may not change once set"
            r"|may not be changed|is immutable|cannot change roleRef|immutable after creation",
        ),
        ("admission-denied", r"admission webhook \"[^\"]+\" denied the request|violates PodSecurity"),
        (
            "schema-rejected",
            r"\bis invalid: |strict decoding error|unknown field|field not declared in schema|ValidationError"
            r"|failed to create typed patch object|cannot be handled as a|unable to decode|must validate"
            r"|error validating data|Invalid value|Required value|Unsupported value",
        ),
    )
)
_REMADE = {"Deployment", "StatefulSet", "DaemonSet"}  # may go and come again without their pods
_REFUSED = re.compile(
    r"User \"([^\"]+)\" cannot (\S+) resource \"([^\"]+)\" in API group \"([^\"]*)\""
    r"(?: in the namespace \"([^\"]+)\")?"
)
_SERVICE = re.compile(r"https://([^./]+)\.([^./]+)\.svc")
_NAMESPACE = re.compile(r"namespaces? \"?([^\" ]+)\"? (?:not found|because it is being terminated)")


def rule(scene: Scene) -> Iterator[Candidate]:
    view = scene.view
    if view is None:
        return
    for entry in failures(view):
        cause = classify(str(entry.get("message") or ""))
        if cause:
            yield from _candidate(scene, view, cause, entry)


def failures(view: View) -> Iterator[Json]:
    """Results of objects that the last operation could not make, and errors that name no object."""
    if (view.failed or retrying(view)) and not outdated(view):
        refused = [entry for entry in view.sync_results if entry.get("status") == "SyncFailed"]
        yield from refused
        if not refused:
            yield {"message": view.operation_message}
    for entry in status(view.item).get("conditions") or ():
        if entry.get("type") in ERRORS and entry.get("type") != "SyncError":
            yield {"message": entry.get("message"), "at": entry.get("lastTransitionTime")}


def retrying(view: View) -> bool:
    """Whether the operation failed at least once and is tried again by Argo CD itself."""
    state = status(view.item).get("operationState") or {}
    return view.phase == "Running" and int(state.get("retryCount") or 0) > 0


def outdated(view: View) -> bool:
    """Whether the last operation synced another commit than the Application was compared with since."""
    compared = tuple(source.compared for source in view.sources())
    synced = view.operation_revisions
    return len(compared) == len(synced) and all(compared) and compared != synced


def classify(text: str) -> str:
    return next((cause for cause, pattern in _WORDS if pattern.search(text)), "")


@dataclass(frozen=True)
class _Refusal:
    """A result of a sync that names what could not be made, and why; `text` is the API server's message."""

    entry: Json
    text: str

    @property
    def kind(self) -> str:
        return str(self.entry.get("kind") or "")

    @property
    def space(self) -> str:
        return str(self.entry.get("namespace") or "")

    @property
    def name(self) -> str:
        return str(self.entry.get("name"))

    @property
    def path(self) -> tuple[str, ...]:
        return (named(self.kind, self.space, self.name),) if self.kind else ()


@dataclass(frozen=True)
class _Evidence:
    """What lies below the object that was refused, and the command to type ("": describe the Application)."""

    below: tuple[str, ...] = ()
    command: str = ""


def _candidate(scene: Scene, view: View, cause: str, entry: Json) -> Iterator[Candidate]:
    refusal = _Refusal(entry, str(entry.get("message") or ""))
    evidence = _EVIDENCE.get(cause, _nothing)(scene, refusal)
    if evidence is not None:
        path = (*refusal.path, *evidence.below)
        since = seconds(str(entry.get("at") or "") or view.operation_started)
        yield Candidate(cause, path, brief(refusal.text), evidence.command or scene.describe_app(), since)


def _nothing(_scene: Scene, _refusal: _Refusal) -> _Evidence:
    return _Evidence()


def _definition(scene: Scene, refusal: _Refusal) -> _Evidence | None:
    kind = str(Kind(str(refusal.entry.get("group") or ""), str(refusal.entry.get("kind"))))
    if kind in scene.picture.served:
        return None
    return _Evidence((f"kind {kind}",) if refusal.kind else (), scene.kubectl("get", "crds"))


def _missing_namespace(scene: Scene, refusal: _Refusal) -> _Evidence | None:
    return None if _live_namespace(scene, refusal) is not None else _namespace(scene, refusal)


def _going_namespace(scene: Scene, refusal: _Refusal) -> _Evidence | None:
    live = _live_namespace(scene, refusal)
    return None if live is not None and not terminating(live) else _namespace(scene, refusal)


def _live_namespace(scene: Scene, refusal: _Refusal) -> Json | None:
    which = _named_namespace(refusal)
    return next((one for one in scene.picture.of(NAMESPACE) if name(one) == which), None)


def _named_namespace(refusal: _Refusal) -> str:
    found = _NAMESPACE.search(refusal.text)
    return found.group(1) if found else ""


def _namespace(scene: Scene, refusal: _Refusal) -> _Evidence:
    which = _named_namespace(refusal)
    if not which:
        return _Evidence()
    return _Evidence((f"Namespace {which}",), scene.kubectl("get", "namespace", which, "-o", "yaml"))


def _webhook(scene: Scene, refusal: _Refusal) -> _Evidence | None:
    service = webhook_service(refusal.text)
    if service is None:
        return _Evidence()
    if answered(scene, *service):
        return None
    command = scene.kubectl("describe", "service", service[1], space=service[0])
    return _Evidence((named("Service", *service),), command)


def _quota(scene: Scene, refusal: _Refusal) -> _Evidence:
    return _Evidence(command=scene.kubectl("describe", "resourcequota", space=refusal.space))


def _schema(scene: Scene, refusal: _Refusal) -> _Evidence:
    explain = scene.kubectl("explain", f"{refusal.kind}.spec".lower())
    return _Evidence(command=explain if refusal.kind else scene.bootstrap("lint"))


def _immutable(scene: Scene, refusal: _Refusal) -> _Evidence:
    if refusal.kind not in _REMADE:
        return _Evidence()
    words = ("delete", refusal.kind.lower(), refusal.name, "--cascade=orphan")
    return _Evidence(command=scene.kubectl(*words, space=refusal.space))


def _can_i(scene: Scene, refusal: _Refusal) -> _Evidence:
    """The question that the API server answered with no."""
    found = _REFUSED.search(refusal.text)
    if found is None:
        return _Evidence()
    user, verb, resource, group, space = found.groups()
    what = f"{resource}.{group}" if group else resource
    words = ("auth", "can-i", verb, what, f"--as={user}")
    return _Evidence(command=scene.kubectl(*words, space=space or ""))


# What each cause adds to a refusal; None where the cluster shows that it is over.
_EVIDENCE: dict[str, Callable[[Scene, _Refusal], _Evidence | None]] = {
    "crd-missing": _definition,
    "namespace-missing": _missing_namespace,
    "finalizer-stuck": _going_namespace,
    "webhook-without-endpoints": _webhook,
    "rbac-denied": _can_i,
    "quota-exceeded": _quota,
    "schema-rejected": _schema,
    "immutable-field": _immutable,
}


def webhook_service(text: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a failed webhook call went to."""
    found = _SERVICE.search(text)
    return (found.group(2), found.group(1)) if found else None


def answered(scene: Scene, space: str, service: str) -> bool:
    """Whether the Service has an endpoint that is ready by now."""
    return any(
        dig(endpoint, "conditions", "ready") is not False
        for item in scene.picture.of(ENDPOINT_SLICE)
        if namespace(item) == space and labels_of(item).get("kubernetes.io/service-name") == service
        for endpoint in item.get("endpoints") or ()
    )
