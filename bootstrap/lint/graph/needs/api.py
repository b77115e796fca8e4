"""What the API server asks for before it takes an object: its Namespace and its kind's CRD. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.kubernetes.objects import NAMESPACE, Key
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Need, Topic


def namespaces(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.namespace:
            key = Key(NAMESPACE, "", item.namespace)
            yield from index.need(Topic.NAMESPACE, item, key, "metadata.namespace", hard=True)


def definitions(index: Index) -> Iterator[Need]:
    for item in index.users:
        kind = item.key.kind
        if not cluster.serves(kind):
            wanted = f"CustomResourceDefinition {index.plural(kind)}.{kind.group}"
            yield Need(Topic.CRD, item, wanted, "apiVersion, kind", index.crds.get(kind, ()), True)


COLLECTORS = (namespaces, definitions)
