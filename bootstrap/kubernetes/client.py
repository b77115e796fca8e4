"""The API server, as far as the product needs it: raw REST on plain JSON.

A `Cluster` is made from a kubeconfig file of our own; the user's current context is never read or changed.
Every call has a client-side time-out and raises only the errors of `kubernetes/errors.py`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bootstrap.kubernetes import discovery
from bootstrap.kubernetes.discovery import APIResource, Catalogue
from bootstrap.kubernetes.errors import Busy, NotFound, NotServed, Unreachable
from bootstrap.kubernetes.objects import Json, Key, Kind, name, namespace
from bootstrap.kubernetes.transport import Request, Response, Stream, Transport, connect

FIELD_MANAGER = "bootstrap"  # of our own server-side applies
PAGE = 500  # objects a list request
TRIMMED_PAGE = 100  # for large objects that get trimmed: the memory that a page takes is never given back
TIMEOUT = 30.0  # seconds to read
WRITE_TIMEOUT = 125.0  # seconds to write; API servers give up after 60, the local platform's after 120
ALIVE = 25.0  # seconds after which the server ends a watch; a silence longer than that is a dead connection
WATCH_TIMEOUT = ALIVE + 10.0


@dataclass(frozen=True)
class Listing:
    """Objects of one kind, and the resource version from which a watch goes on without a gap."""

    items: tuple[Json, ...]
    version: str


class Cluster:
    """Safe to use from threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._catalogue = Catalogue()
        self._lock = threading.Lock()

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Cluster:
        """Raises Untrusted when the file is missing or broken. Connects to nothing yet."""
        return cls(connect(path))

    def version(self) -> str:
        """The server's version, such as `v1.34.2`."""
        return str(self._json(Request("GET", "/version", timeout=10.0)).get("gitVersion", ""))

    def ready(self) -> str:
        """Empty when the API server is ready for work, else what it waits for. Raises as any call."""
        try:
            self._transport.send(Request("GET", "/readyz", accept="*/*", timeout=5.0))
        except Busy as error:
            failing = re.findall(r"^\[-\](\S+)", error.why, re.MULTILINE)
            return f"the API server is starting: {', '.join(failing) or error.why}"
        return ""

    # -- kinds ---------------------------------------------------------------------------------------

    def resource(self, kind: Kind) -> APIResource:
        """How the server serves a kind. Asks the server again before it says NotServed."""
        found = self._catalogue.find(kind) or self.refresh().find(kind)
        if found is None:
            raise NotServed(
                f"the API server does not serve {kind}", "its CustomResourceDefinition is not there"
            )
        return found

    def serves(self, kind: Kind) -> bool:
        return (self._catalogue.find(kind) or self.refresh().find(kind)) is not None

    def refresh(self) -> Catalogue:
        """Read discovery again."""
        documents = [
            self._json(Request("GET", path, accept=discovery.ACCEPT, timeout=TIMEOUT))
            for path in ("/api", "/apis")
        ]
        catalogue = discovery.parse(documents)
        with self._lock:
            self._catalogue = catalogue
        return catalogue

    def described(self, kind: Kind) -> bool:
        """Whether the server's OpenAPI documents know the kind; they lag behind discovery by some seconds."""
        found = self.resource(kind)
        try:
            document = self._transport.send(Request("GET", f"/openapi/v3{found.root}"))
        except NotFound:
            return False
        return re.search(rb'"kind":\s*"%s"' % re.escape(kind.name.encode()), document.body) is not None

    # -- reading -------------------------------------------------------------------------------------

    def get(self, key: Key) -> Json:
        """Raises NotFound, also where the kind is not served."""
        try:
            path = self.resource(key.kind).path(key.namespace, key.name)
        except NotServed as error:
            raise NotFound(f"{key} is not there", error.what) from error
        return self._json(Request("GET", path))

    def find(self, key: Key) -> Json | None:
        """The object, or None when it is not there."""
        try:
            return self.get(key)
        except NotFound:
            return None

    def list(
        self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> tuple[Json, ...]:
        """All objects of a kind; none where the kind is not served."""
        try:
            return self.listing(kind, namespace, labels=labels, fields=fields).items
        except NotServed:
            return ()

    def listing(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        trim: Callable[[Json], Json] | None = None,
        at: int = 0,
    ) -> Listing:
        """Like `list`, page by page, with the resource version to watch from. Raises NotServed.

        `trim` makes of each object what is kept of it: only one page is ever held as the server sent it.
        `at` is a revision of etcd: the objects as they were then. Raises Expired when it is compacted.
        """
        resource = self.resource(kind)
        page_size = TRIMMED_PAGE if trim else PAGE
        query = _present(labelSelector=labels, fieldSelector=fields, limit=str(page_size))
        then = {"resourceVersion": str(at), "resourceVersionMatch": "Exact"} if at else {}
        items: list[Json] = []
        token = ""
        while True:
            where = {"continue": token} if token else then  # a token knows the revision itself
            page = self._json(Request("GET", resource.path(namespace), query | where))
            made = (_with_type(item, resource) for item in page.get("items") or ())
            items += map(trim, made) if trim else made
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return Listing(tuple(items), str((page.get("metadata") or {}).get("resourceVersion", "")))

    def watch(
        self, kind: Kind, namespace: str, version: str, *, labels: str = "", fields: str = ""
    ) -> Stream:
        """The raw change stream since a resource version; `watch.py` makes sense of it."""
        query = _present(
            watch="true",
            resourceVersion=version,
            allowWatchBookmarks="true",
            timeoutSeconds=str(int(ALIVE)),
            labelSelector=labels,
            fieldSelector=fields,
        )
        return self._transport.stream(
            Request("GET", self.resource(kind).path(namespace), query, timeout=WATCH_TIMEOUT)
        )

    # -- writing -------------------------------------------------------------------------------------

    def create(self, item: Json, *, dry_run: bool = False) -> Json:
        """Raises AlreadyExists. A `dry_run` does all but store it; admission webhooks are asked."""
        path = self.resource(Kind.of(item)).path(namespace(item))
        return self._write("POST", path, item, query=_dry(dry_run))

    def apply(self, item: Json, *, manager: str = FIELD_MANAGER, dry_run: bool = False) -> Json:
        """Server-side apply; conflicting fields are taken over."""
        path = self.resource(Kind.of(item)).path(namespace(item), name(item))
        query = {"fieldManager": manager, "force": "true"} | _dry(dry_run)
        return self._write("PATCH", path, item, "application/apply-patch+yaml", query)  # JSON is YAML

    def patch(self, key: Key, change: Mapping[str, Any], *, part: str = "") -> Json:
        """JSON merge patch: None removes a key, lists replace. An old `resourceVersion` is a Conflict.

        `part` names a subresource such as "status", which is written on its own.
        """
        path = self.resource(key.kind).path(key.namespace, key.name) + (f"/{part}" if part else "")
        return self._write("PATCH", path, dict(change), "application/merge-patch+json")

    def delete(self, key: Key, *, propagation: str = "Background", uid: str = "") -> bool:
        """False when it was not there. With `uid` only that very object. Finalizers may delay its end."""
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            self._write("DELETE", self.resource(key.kind).path(key.namespace, key.name), options)
        except (NotFound, NotServed):
            return False
        return True

    # ------------------------------------------------------------------------------------------------

    def _write(
        self,
        method: str,
        path: str,
        body: Json,
        content_type: str = "application/json",
        query: Mapping[str, str] = MappingProxyType({}),
    ) -> Json:
        return self._json(Request(method, path, query, body, content_type, timeout=WRITE_TIMEOUT))

    def _json(self, request: Request) -> Json:
        return _parsed(self._transport.send(request), request)


def _parsed(response: Response, request: Request) -> Json:
    try:
        answer = response.json()
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"the answer to {request} is not JSON", str(error)) from error
    return answer if isinstance(answer, dict) else {}


def _with_type(item: Json, resource: APIResource) -> Json:
    """Lists leave apiVersion and kind out of their items."""
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    return {"apiVersion": version, "kind": resource.kind, **item}


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _present(**query: str) -> dict[str, str]:
    return {key: value for key, value in query.items() if value}
