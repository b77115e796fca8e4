"""An API server in memory behind the same interface as the real one: it stores, applies, deletes and streams.

It knows what the product relies on (resource versions, generations, finalizers, preconditions, watches with
bookmarks) and nothing more. `react` is called after every write and plays the controllers.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bootstrap.kubernetes import objects
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import APIResource
from bootstrap.kubernetes.errors import AlreadyExists, ClusterError, Conflict, NotFound
from bootstrap.kubernetes.objects import Json, Key, Kind
from bootstrap.kubernetes.transport import Request, Response, Stream

CLUSTER_WIDE = {
    "Namespace",
    "Node",
    "PersistentVolume",
    "CustomResourceDefinition",
    "APIService",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "SubjectAccessReview",
    "ClusterSecretStore",
    "ClusterRole",
}
REVIEW = Kind("authorization.k8s.io", "SubjectAccessReview")
BUILT_IN = (
    objects.POD,
    objects.NODE,
    objects.EVENT,
    objects.SECRET,
    objects.SERVICE,
    objects.CONFIG_MAP,
    objects.NAMESPACE,
    objects.CLAIM,
    objects.VOLUME,
    objects.DEPLOYMENT,
    objects.STATEFUL_SET,
    objects.DAEMON_SET,
    objects.JOB,
    objects.INGRESS,
    objects.ENDPOINT_SLICE,
    objects.CRD,
    objects.VALIDATING_WEBHOOKS,
    objects.MUTATING_WEBHOOKS,
    objects.API_SERVICE,
    REVIEW,
    Kind("", "ServiceAccount"),
    Kind("apps", "ReplicaSet"),
)
ARGO = (objects.APPLICATION, objects.APPLICATION_SET, objects.APP_PROJECT)
ESO = (objects.EXTERNAL_SECRET, objects.SECRET_STORE)


def resource(kind: Kind) -> APIResource:
    plural = "ingresses" if kind.name == "Ingress" else f"{kind.name.lower()}s"
    version = "v1alpha1" if kind.group == "argoproj.io" else "v1"
    return APIResource(kind.group, version, kind.name, plural, kind.name not in CLUSTER_WIDE)


@dataclass
class FakeServer:
    """`refuse` is asked before every request and may answer with an error to raise. `allow` is RBAC: may who
    a SubjectAccessReview's spec names do what it says?"""

    kinds: tuple[Kind, ...] = BUILT_IN + ARGO + ESO
    react: Callable[[FakeServer, Json], None] = lambda server, item: None
    refuse: Callable[[Request], ClusterError | None] = lambda request: None
    allow: Callable[[Json], bool] = lambda spec: False
    now: str = "2025-01-01T00:00:00Z"
    requests: list[Request] = field(default_factory=list)
    stored: dict[Key, Json] = field(default_factory=dict)
    history: list[tuple[int, str, Kind, Json]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.version = 1
        self._news = threading.Condition(threading.RLock())

    @property
    def cluster(self) -> Cluster:
        return Cluster(self)

    # -- what tests do to the world ----------------------------------------------------------------

    def put(self, item: Json) -> Json:
        """Store the object as it is given, status included."""
        with self._news:
            key = Key.of(item)
            before = self.stored.get(key)
            made = copy.deepcopy(item)
            meta = made.setdefault("metadata", {})
            old = (before or {}).get("metadata", {})
            meta.setdefault("uid", old.get("uid") or f"uid-{self.version}")
            meta.setdefault("creationTimestamp", old.get("creationTimestamp") or self.now)
            changed_spec = before is not None and before.get("spec") != made.get("spec")
            meta["generation"] = old.get("generation", 0) + (1 if changed_spec or before is None else 0)
            if before is not None and _plain(before) == _plain(made):
                return before
            self.version += 1
            meta["resourceVersion"] = str(self.version)
            self.stored[key] = made
            self._tell("MODIFIED" if before else "ADDED", key.kind, made)
            answer = copy.deepcopy(made)
        self.react(self, copy.deepcopy(made))
        return answer

    def change(self, key: Key, **parts: Any) -> Json:
        """Merge into the stored object; None removes."""
        with self._news:
            return self.put(_merged(self.stored[key], parts))

    def remove(self, key: Key) -> None:
        with self._news:
            item = self.stored.pop(key)
            self.version += 1
            self._tell("DELETED", key.kind, item)
        self.react(self, {**item, "deleted": True})

    def get(self, kind: Kind, name: str, namespace: str = "") -> Json:
        return self.stored[Key(kind, namespace, name)]

    def writes(self) -> list[str]:
        """`METHOD path` of everything but reads."""
        return [str(request) for request in self.requests if request.method != "GET"]

    # -- Transport -----------------------------------------------------------------------------------

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        if (error := self.refuse(request)) is not None:
            raise error
        if request.path == "/readyz":
            return Response(b"ok")
        return Response(json.dumps(self._answer(request)).encode())

    def stream(self, request: Request) -> Stream:
        self.requests.append(request)
        if (error := self.refuse(request)) is not None:
            raise error
        found, namespace, _ = self._parse(request)
        return FakeStream(self, found, namespace, int(request.query["resourceVersion"]), self._news)

    def _answer(self, request: Request) -> Json:
        if request.path == "/version":
            return {"gitVersion": "v1.34.2"}
        if request.path in {"/api", "/apis"}:
            return self._discovery(core=request.path == "/api")
        found, namespace, name = self._parse(request)
        kind = Kind(found.group, found.kind)
        if request.method == "GET" and not name:
            return self._list(kind, namespace, request.query.get("labelSelector", ""))
        if request.method == "GET":
            return self._existing(Key(kind, namespace, name))
        return self._write(request, Key(kind, namespace, name))

    def _write(self, request: Request, key: Key) -> Json:
        dry = "dryRun" in request.query
        if key.kind == REVIEW:
            return {**request.body, "status": {"allowed": self.allow(request.body["spec"])}}
        if request.method == "POST":
            made = Key.of(request.body)
            if made in self.stored:
                raise AlreadyExists(str(request))
            return dict(request.body) if dry else self.put(request.body)
        if request.method == "DELETE":
            return self._delete(key, request.body)
        if request.content_type == "application/apply-patch+yaml":
            with self._news:
                before = self.stored.get(key, {})
                if dry:
                    return dict(_merged(before, request.body))
                return self.put(_merged(before, request.body))
        return self._patch(key, request.body)

    def _patch(self, key: Key, change: Json) -> Json:
        with self._news:
            before = self._existing(key)
            wanted = (change.get("metadata") or {}).get("resourceVersion")
            if wanted is not None and wanted != before["metadata"]["resourceVersion"]:
                raise Conflict(f"{key} was changed meanwhile")
            after = self.put(_merged(before, change))
            meta = after["metadata"]
            if meta.get("deletionTimestamp") and not meta.get("finalizers"):
                self.remove(key)
            return after

    def _delete(self, key: Key, options: Json) -> Json:
        with self._news:
            item = self._existing(key)
            wanted = (options.get("preconditions") or {}).get("uid")
            if wanted is not None and wanted != item["metadata"]["uid"]:
                raise Conflict(f"{key} is another one now")
            if item["metadata"].get("finalizers"):
                return self.put(_merged(item, {"metadata": {"deletionTimestamp": self.now}}))
            self.remove(key)
            return {}

    def _existing(self, key: Key) -> Json:
        if key not in self.stored:
            raise NotFound(f"{key} not found")
        return copy.deepcopy(self.stored[key])

    def _list(self, kind: Kind, namespace: str, labels: str) -> Json:
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        with self._news:
            items = [
                item
                for key, item in self.stored.items()
                if key.kind == kind and namespace in {"", key.namespace} and _selected(item, wanted)
            ]
            return {"metadata": {"resourceVersion": str(self.version)}, "items": copy.deepcopy(items)}

    def _parse(self, request: Request) -> tuple[APIResource, str, str]:
        parts = request.path.strip("/").split("/")
        group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        for kind in self.kinds:
            found = resource(kind)
            if (found.group, found.plural) == (group, rest[0]):
                return found, namespace, rest[1] if len(rest) > 1 else ""
        raise NotFound(f"{request.path} is not served")

    def _discovery(self, *, core: bool) -> Json:
        groups: dict[str, list[Json]] = {}
        for found in map(resource, self.kinds):
            if (not found.group) == core:
                entry = {
                    "resource": found.plural,
                    "responseKind": {"kind": found.kind},
                    "scope": "Namespaced" if found.namespaced else "Cluster",
                }
                groups.setdefault(found.group, []).append(entry)
        versions = {found.group: found.version for found in map(resource, self.kinds)}
        return {
            "items": [
                {
                    "metadata": {"name": group},
                    "versions": [{"version": versions[group], "resources": entries}],
                }
                for group, entries in groups.items()
            ]
        }

    def _tell(self, kind: str, of: Kind, item: Json) -> None:
        self.history.append((self.version, kind, of, copy.deepcopy(item)))
        self._news.notify_all()


class FakeStream:
    """Changes after a resource version, as lines, until it is closed."""

    def __init__(
        self, server: FakeServer, found: APIResource, namespace: str, since: int, news: threading.Condition
    ) -> None:
        self._server, self._kind, self._namespace = server, Kind(found.group, found.kind), namespace
        self._since, self._news, self._closed = since, news, False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._news:
                fresh = self._fresh()
                while not fresh and not self._closed:
                    self._news.wait()
                    fresh = self._fresh()
                if self._closed:
                    return
            for version, kind, _, item in fresh:
                self._since = version
                yield json.dumps({"type": kind, "object": item}).encode() + b"\n"

    def _fresh(self) -> list[tuple[int, str, Kind, Json]]:
        return [
            entry
            for entry in self._server.history
            if entry[0] > self._since
            and entry[2] == self._kind
            and self._namespace in {"", objects.namespace(entry[3])}
        ]

    def close(self) -> None:
        with self._news:
            self._closed = True
            self._news.notify_all()


def _merged(base: Any, change: Any) -> Any:
    """JSON merge patch (RFC 7386)."""
    if not isinstance(change, dict) or not isinstance(base, dict):
        return copy.deepcopy(change)
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key, {}) if isinstance(value, dict) else None, value)
    return result


def _plain(item: Json) -> Json:
    meta = {k: v for k, v in item.get("metadata", {}).items() if k not in {"resourceVersion", "generation"}}
    return {**item, "metadata": meta}


def _selected(item: Json, wanted: dict[str, str]) -> bool:
    return wanted.items() <= objects.labels_of(item).items()
