"""What keeps Argo CD from making an object: what the API server said to its sync.

Read from the results of the last operation that failed, or that is being retried. Words of Kubernetes 1.34
(apimachinery/pkg/api/errors, apiserver/pkg/admission) and Argo CD 3.2 (util/argo AugmentSyncMsg). Whatever
can be looked at in the cluster is looked at as well: a definition that is there by now is no cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def _candidate(scene: Scene, view: View, cause: str, entry: Json) -> Iterator[Candidate]:
    text = str(entry.get("message") or "")
    since = seconds(str(entry.get("at") or "") or view.operation_started)
    item = (
        (named(str(entry["kind"]), str(entry.get("namespace") or ""), str(entry.get("name"))),)
        if entry.get("kind")
        else ()
    )
    below: tuple[str, ...] = ()
    command = scene.describe_app()
    match cause:
        case "crd-missing":
            kind = str(Kind(str(entry.get("group") or ""), str(entry.get("kind"))))
            if kind in scene.picture.served:
                return
            below, command = (f"kind {kind}",) if item else (), scene.kubectl("get", "crds")
        case "namespace-missing" | "finalizer-stuck":
            found = _NAMESPACE.search(text)
            which = found.group(1) if found else ""
            live = next((one for one in scene.picture.of(NAMESPACE) if name(one) == which), None)
            if live is not None and (cause == "namespace-missing" or not terminating(live)):
                return
            below = (f"Namespace {which}",) if which else ()
            command = scene.kubectl("get", "namespace", which, "-o", "yaml") if which else command
        case "webhook-without-endpoints":
            service = webhook_service(text)
            if service is not None:
                if answered(scene, *service):
                    return
                below = (named("Service", *service),)
                command = scene.kubectl("describe", "service", service[1], space=service[0])
        case "rbac-denied":
            command = _can_i(scene, text) or command
        case "quota-exceeded":
            command = scene.kubectl("describe", "resourcequota", space=str(entry.get("namespace") or ""))
        case "schema-rejected":
            command = (
                scene.kubectl("explain", f"{entry['kind']}.spec".lower()) if item else scene.bootstrap("lint")
            )
        case "immutable-field":
            if entry.get("kind") in _REMADE:
                space, kind = str(entry.get("namespace") or ""), str(entry["kind"]).lower()
                command = scene.kubectl(
                    "delete", kind, str(entry.get("name")), "--cascade=orphan", space=space
                )
    yield Candidate(cause, (*item, *below), brief(text), command, since)


def _can_i(scene: Scene, text: str) -> str:
    """The question that the API server answered with no."""
    found = _REFUSED.search(text)
    if found is None:
        return ""
    user, verb, resource, group, space = found.groups()
    what = f"{resource}.{group}" if group else resource
    return scene.kubectl("auth", "can-i", verb, what, f"--as={user}", space=space or "")


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
