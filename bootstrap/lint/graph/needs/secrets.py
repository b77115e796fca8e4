"""External Secrets: ExternalSecret → store → what the store reads; custom resources → Secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bootstrap.core.globs import Dialect, glob
from bootstrap.gitops.model import Manifest, Seeded
from bootstrap.kubernetes.objects import EXTERNAL_SECRET, SECRET, SECRET_STORE, Json, Key, Kind, dig, spec
from bootstrap.kubernetes.selectors import matches
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index, str_of, values
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.needs.pods import key_of, secret
from bootstrap.lint.graph.producers import CLUSTER_EXTERNAL_SECRET, ESO

_PLAIN = re.compile(r"\^?(?:[a-z0-9-]|\.[*+]|\((?:\?:)?[a-z0-9-]+(?:\|[a-z0-9-]+)*\)){0,250}\$?")
_AS_GLOB = str.maketrans("(|)", "{,}")

NAMESPACED_STORE = Kind(ESO, "SecretStore")

# Fields in which well-known kinds name a Secret that has to be there.
_NAMED: dict[Kind, tuple[tuple[str, ...], ...]] = {
    Kind("databases.spotahome.com", "RedisFailover"): (("auth", "secretPath"),),
    Kind("rabbitmq.com", "RabbitmqCluster"): (
        ("secretBackend", "externalSecret", "name"),
        ("tls", "secretName"),
    ),
    Kind("postgresql.cnpg.io", "Cluster"): (
        ("bootstrap", "initdb", "secret", "name"),
        ("superuserSecret", "name"),
    ),
}


def stores(index: Index) -> Iterator[Need]:
    for item, content in _external(index):
        for reference in _references(content):
            kind = Kind(ESO, str(reference.get("kind") or "SecretStore"))
            where = item.namespace if kind == NAMESPACED_STORE else ""
            key = Key(kind, where, str(reference.get("name")))
            yield from index.need(Topic.STORE, item, key, "spec.secretStoreRef")
            for store in index.by_key.get(key, ())[:1]:
                if not _allowed(index, store, item.namespace):
                    wanted = f"namespace {item.namespace} in spec.conditions of {str_of(key)}"
                    yield Need(Topic.STORE_CONDITION, item, wanted, "spec.secretStoreRef", ())
                if dig(spec(store.item), "provider", "aws", "service") == "ParameterStore":
                    yield from _parameters(index.tree.seeded, item, content, store)


def _external(index: Index) -> Iterator[tuple[Manifest, Json]]:
    """ExternalSecrets with their specification, those of a ClusterExternalSecret included."""
    for item in index.users:
        if item.key.kind == EXTERNAL_SECRET:
            yield item, spec(item.item)
        elif item.key.kind == CLUSTER_EXTERNAL_SECRET:
            yield item, spec(item.item).get("externalSecretSpec") or {}


def _references(content: Json) -> list[Json]:
    found = [content.get("secretStoreRef")]
    for one in (*(content.get("data") or ()), *(content.get("dataFrom") or ())):
        found.append(dig(one, "sourceRef", "storeRef"))
    return list({str(one): one for one in found if one and one.get("name")}.values())


def _allowed(index: Index, store: Manifest, where: str) -> bool:
    """spec.conditions of a ClusterSecretStore: one of them has to choose the namespace."""
    conditions = spec(store.item).get("conditions")
    if store.key.kind != SECRET_STORE or not conditions or not where:
        return True
    labels = index.namespace_labels.get(where, {})
    return any(
        where in (one.get("namespaces") or ())
        or ("namespaceSelector" in one and matches(one["namespaceSelector"], labels))
        or any(_may_match(str(pattern), where) for pattern in one.get("namespaceRegexes") or ())
        for one in conditions
    )


def _may_match(expression: str, where: str) -> bool:
    """Whether a regular expression of the store finds something in a namespace's name. Only what a glob can
    say, too, is read: `^team-.*$`, `(a|b)-prod`. Whatever else may well match."""
    if not _PLAIN.fullmatch(expression):
        return True
    head, tail = "" if expression.startswith("^") else "*", "" if expression.endswith("$") else "*"
    inner = expression.removeprefix("^").removesuffix("$").replace("(?:", "(")
    inner = inner.replace(".*", "*").replace(".+", "?*").translate(_AS_GLOB)
    return glob(f"{head}{inner}{tail}", Dialect()).fullmatch(where)


def _parameters(seeded: Seeded, item: Manifest, content: Json, store: Manifest) -> Iterator[Need]:
    """SSM parameters without a seed. Without any known seeds, nothing is reported."""
    known = {_plain(one) for one in (*seeded.names, *seeded.facts)}
    prefix = str(dig(spec(store.item), "provider", "aws", "prefix") or "")
    if not known:
        return
    for reason, key in _keys(content, str(dig(content, "secretStoreRef", "name") or "")):
        if _plain(prefix + key) not in known:
            yield Need(Topic.PARAMETER, item, f"SSM parameter {prefix}{key}", reason, ())
    for number, one in enumerate(content.get("dataFrom") or ()):
        path = dig(one, "find", "path")
        if path and not any(key.startswith(f"{_plain(prefix + str(path))}/") for key in known):
            reason = f"spec.dataFrom[{number}].find.path"
            yield Need(Topic.PARAMETER, item, f"SSM parameters under {prefix}{path}", reason, ())


def _keys(content: Json, store: str) -> Iterator[tuple[str, str]]:
    """Remote keys read from that store."""
    for field, part in (("data", "remoteRef"), ("dataFrom", "extract")):
        for number, one in enumerate(content.get(field) or ()):
            key, where = dig(one, part, "key"), dig(one, "sourceRef", "storeRef", "name")
            if key and where in {None, store}:
                yield f"spec.{field}[{number}].{part}.key", str(key)


def _plain(key: str) -> str:
    """A parameter's name without what does not tell it apart: its ARN, the first slash."""
    return re.sub(r"^arn:aws[-a-z]*:ssm:[^:]*:[^:]*:parameter", "", key).strip("/")


def stores_own(index: Index) -> Iterator[Need]:
    """Credentials of a store."""
    for item in index.users:
        if item.key.kind in {SECRET_STORE, NAMESPACED_STORE}:
            for reason, reference in _secret_references(spec(item.item)):
                where = str(reference.get("namespace") or item.namespace)
                if where:
                    keys = [str(reference["key"])] if reference.get("key") else []
                    key = Key(SECRET, where, str(reference["name"]))
                    yield from secret(index, item, key, f"spec.{reason}", keys)


def _secret_references(content: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every `…SecretRef: {name: …}`."""
    if isinstance(content, dict):
        for name, inner in content.items():
            here = f"{path}.{name}" if path else name
            if name.endswith("SecretRef") and isinstance(inner, dict) and inner.get("name"):
                yield here, inner
            yield from _secret_references(inner, here)


def custom(index: Index) -> Iterator[Need]:
    """Secrets and ConfigMaps that custom resources name as Kubernetes does, or as their kind documents."""
    for item in index.users:
        kind, content = item.key.kind, spec(item.item)
        if cluster.serves(kind) or cluster.describes(kind) or kind.group == ESO or not item.namespace:
            continue
        for field in ("secretKeyRef", "configMapKeyRef"):
            for path, reference in values(content, field):
                if isinstance(reference, dict) and "namespace" not in reference:
                    yield from key_of(index, item, {field: reference}, f"spec.{path.rpartition('.')[0]}")
        for way in _NAMED.get(kind, ()):
            if called := dig(content, *way):
                key = Key(SECRET, item.namespace, str(called))
                yield from secret(index, item, key, f"spec.{'.'.join(way)}")


COLLECTORS = (stores, stores_own, custom)
