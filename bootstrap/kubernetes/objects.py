"""Kubernetes objects as plain JSON: what they are called and how to read them. Pure.

The generated models of the client library are not used: they cost start-up time and drop fields that
they do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, order=True)
class Kind:
    """A kind by API group ("" is the core group). Without a version the server's preferred one is meant."""

    group: str
    name: str
    version: str = ""

    @classmethod
    def of(cls, item: Json) -> Kind:
        group, _, version = str(item.get("apiVersion", "")).rpartition("/")
        return cls(group, str(item.get("kind", "")), version)

    @property
    def unversioned(self) -> Kind:
        return Kind(self.group, self.name)

    def __str__(self) -> str:
        """As kubectl writes it: `Deployment.apps`, `Pod`."""
        return f"{self.name}.{self.group}" if self.group else self.name


@dataclass(frozen=True, order=True)
class Key:
    """An object by kind (whatever its version), namespace ("" when cluster-wide) and name."""

    kind: Kind
    namespace: str
    name: str

    @classmethod
    def of(cls, item: Json) -> Key:
        return cls(Kind.of(item).unversioned, namespace(item), name(item))

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


POD = Kind("", "Pod")
NODE = Kind("", "Node")
EVENT = Kind("", "Event")
SECRET = Kind("", "Secret")
SERVICE = Kind("", "Service")
CONFIG_MAP = Kind("", "ConfigMap")
NAMESPACE = Kind("", "Namespace")
CLAIM = Kind("", "PersistentVolumeClaim")
VOLUME = Kind("", "PersistentVolume")
DEPLOYMENT = Kind("apps", "Deployment")
STATEFUL_SET = Kind("apps", "StatefulSet")
DAEMON_SET = Kind("apps", "DaemonSet")
JOB = Kind("batch", "Job")
INGRESS = Kind("networking.k8s.io", "Ingress")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "EndpointSlice")
CRD = Kind("apiextensions.k8s.io", "CustomResourceDefinition")
API_SERVICE = Kind("apiregistration.k8s.io", "APIService")
VALIDATING_WEBHOOKS = Kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
MUTATING_WEBHOOKS = Kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
APPLICATION = Kind("argoproj.io", "Application")
APPLICATION_SET = Kind("argoproj.io", "ApplicationSet")
APP_PROJECT = Kind("argoproj.io", "AppProject")
EXTERNAL_SECRET = Kind("external-secrets.io", "ExternalSecret")
SECRET_STORE = Kind("external-secrets.io", "ClusterSecretStore")


def name(item: Json) -> str:
    return str(metadata(item).get("name", ""))


def namespace(item: Json) -> str:
    return str(metadata(item).get("namespace") or "")


def uid(item: Json) -> str:
    return str(metadata(item).get("uid", ""))


def metadata(item: Json) -> Json:
    return item.get("metadata") or {}


def labels_of(item: Json) -> dict[str, str]:
    return metadata(item).get("labels") or {}


def annotations_of(item: Json) -> dict[str, str]:
    return metadata(item).get("annotations") or {}


def spec(item: Json) -> Json:
    return item.get("spec") or {}


def status(item: Json) -> Json:
    return item.get("status") or {}


def created(item: Json) -> str:
    """Creation time as the server wrote it (RFC 3339, UTC, whole seconds)."""
    return str(metadata(item).get("creationTimestamp") or "")


def terminating(item: Json) -> bool:
    return bool(metadata(item).get("deletionTimestamp"))


def condition(item: Json, kind: str) -> Json | None:
    """The status condition of that type, or None."""
    for entry in status(item).get("conditions") or ():
        if entry.get("type") == kind:
            found: Json = entry
            return found
    return None


def is_true(item: Json, kind: str) -> bool:
    return (condition(item, kind) or {}).get("status") == "True"


def dig(item: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of keys, or None where the path ends early."""
    value: Any = item
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def by_key(items: Iterable[Json]) -> dict[Key, Json]:
    return {Key.of(item): item for item in items}
