"""What pods need before they start: account, configuration, Secrets, volumes, classes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import CLAIM, CONFIG_MAP, SECRET, SERVICE, Key, Kind, dig
from bootstrap.lint.graph.index import Index, str_of
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.pods import Workload
from bootstrap.lint.graph.rbac import SERVICE_ACCOUNT

PRIORITY_CLASS = Kind("scheduling.k8s.io", "PriorityClass")
RUNTIME_CLASS = Kind("node.k8s.io", "RuntimeClass")
_HOST = re.compile(r"\b([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.svc\b")


def users(index: Index) -> Iterator[Workload]:
    """Workloads of Applications: what is installed from outside is not judged."""
    return (one for one in index.workloads if one.manifest.app)


def accounts(index: Index) -> Iterator[Need]:
    for one in users(index):
        key = Key(SERVICE_ACCOUNT, one.manifest.namespace, one.service_account)
        reason = f"{_spec(one)}.serviceAccountName"
        yield from index.need(Topic.SERVICE_ACCOUNT, one.manifest, key, reason)


def classes(index: Index) -> Iterator[Need]:
    for one in users(index):
        for field, topic, kind in (
            ("priorityClassName", Topic.PRIORITY_CLASS, PRIORITY_CLASS),
            ("runtimeClassName", Topic.RUNTIME_CLASS, RUNTIME_CLASS),
        ):
            if called := one.pod.get(field):
                key = Key(kind, "", str(called))
                yield from index.need(topic, one.manifest, key, f"{_spec(one)}.{field}")


def configuration(index: Index) -> Iterator[Need]:
    """ConfigMaps and Secrets, of containers' environment and of volumes, with the keys that are named."""
    for one in users(index):
        for path, container in one.containers():
            for number, source in enumerate(container.get("envFrom") or ()):
                yield from _source(index, one.manifest, source, f"{path}.envFrom[{number}]")
            for variable in container.get("env") or ():
                reason = f"{path}.env[{variable.get('name')}].valueFrom"
                yield from key_of(index, one.manifest, variable.get("valueFrom") or {}, reason)
        for number, volume in enumerate(one.pod.get("volumes") or ()):
            yield from _volume(index, one.manifest, volume, f"{_spec(one)}.volumes[{number}]")


def _source(index: Index, user: Manifest, source: Any, reason: str) -> Iterator[Need]:
    for field, kind in (("secretRef", SECRET), ("configMapRef", CONFIG_MAP)):
        if reference := source.get(field):
            yield from content(index, user, kind, reference, f"{reason}.{field}")


def key_of(index: Index, user: Manifest, source: Any, reason: str) -> Iterator[Need]:
    """`secretKeyRef` or `configMapKeyRef`."""
    for field, kind in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
        if reference := source.get(field):
            keys = [reference["key"]] if reference.get("key") else []
            yield from content(index, user, kind, reference, f"{reason}.{field}", keys=keys)


def _volume(index: Index, user: Manifest, volume: Any, reason: str) -> Iterator[Need]:
    sources = [(f"{reason}.", volume)]
    for number, part in enumerate(dig(volume, "projected", "sources") or ()):
        sources.append((f"{reason}.projected.sources[{number}].", part))
    for path, source in sources:
        for field, kind in (("secret", SECRET), ("configMap", CONFIG_MAP)):
            if reference := source.get(field):
                keys = [one["key"] for one in reference.get("items") or ()]
                yield from content(index, user, kind, reference, path + field, keys=keys)


def content(
    index: Index, user: Manifest, kind: Kind, reference: Any, reason: str, *, keys: Sequence[str] = ()
) -> Iterator[Need]:
    """A Secret or ConfigMap that is not optional, and the keys in it."""
    called = reference.get("name") or reference.get("secretName")
    if not called or reference.get("optional"):
        return
    key = Key(kind, user.namespace, str(called))
    if kind == SECRET:
        yield from secret(index, user, key, reason, keys)
        return
    yield from index.need(Topic.CONFIG_MAP, user, key, reason)
    for item in index.by_key.get(key, ())[:1]:
        known = {*(item.item.get("data") or {}), *(item.item.get("binaryData") or {})}
        for one in keys:
            if one not in known:
                yield Need(Topic.CONFIG_MAP_KEY, user, f"key {one} of {str_of(key)}", reason, ())


def secret(index: Index, user: Manifest, key: Key, reason: str, keys: Sequence[str] = ()) -> Iterator[Need]:
    """A Secret, however it is created."""
    producers = index.secrets.of(key.namespace, key.name)
    yield Need(Topic.SECRET, user, str_of(key), reason, tuple(one.manifest for one in producers))
    for wanted in keys:
        if producers and all(one.keys is not None and wanted not in one.keys for one in producers):
            yield Need(Topic.SECRET_KEY, user, f"key {wanted} of {str_of(key)}", reason, ())


def pull_secrets(index: Index) -> Iterator[Need]:
    for one in users(index):
        for reference in one.pod.get("imagePullSecrets") or ():
            if called := reference.get("name"):
                key = Key(SECRET, one.manifest.namespace, str(called))
                yield from secret(index, one.manifest, key, f"{_spec(one)}.imagePullSecrets")


def claims(index: Index) -> Iterator[Need]:
    for one in users(index):
        for number, volume in enumerate(one.pod.get("volumes") or ()):
            if called := dig(volume, "persistentVolumeClaim", "claimName"):
                key = Key(CLAIM, one.manifest.namespace, str(called))
                reason = f"{_spec(one)}.volumes[{number}].persistentVolumeClaim"
                yield from index.need(Topic.CLAIM, one.manifest, key, reason)


def endpoints(index: Index) -> Iterator[Need]:
    """Services that containers are told of by their full name, `<service>.<namespace>.svc`."""
    for one in users(index):
        for called, where in dict.fromkeys(found for word in one.words() for found in _HOST.findall(word)):
            key = Key(SERVICE, where, called)
            if where not in index.namespace_labels:
                continue  # some other cluster's
            providers = index.by_key.get(key, ()) or index.makers(where, called)
            yield Need(Topic.ENDPOINT, one.manifest, str_of(key), f"{_spec(one)}.containers", providers)


def _spec(one: Workload) -> str:
    return f"{one.path}.spec" if one.path else "spec"


COLLECTORS = (accounts, classes, configuration, pull_secrets, claims, endpoints)
