"""Custom resources and who acts on them; operators and the CRDs that they watch. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import CRD, Kind, dig, spec
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.rbac import statuses


def instances(index: Index) -> Iterator[Need]:
    """A custom resource does nothing until its operator runs."""
    for item in index.users:
        kind = item.key.kind
        if cluster.serves(kind) or cluster.passive(kind) or not index.crds.get(kind):
            continue
        wanted = f"an operator for {index.plural(kind)}.{kind.group}"
        yield Need(Topic.OPERATOR, item, wanted, "apiVersion, kind", index.operators(kind))


def watched(index: Index) -> Iterator[Need]:
    """An operator that starts before the CRDs it watches crashes: its caches cannot be filled."""
    known: dict[tuple[str, str], list[Manifest]] = {}
    for item in index.by_kind.get(CRD, ()):
        content = spec(item.item)
        known.setdefault((str(content.get("group")), str(dig(content, "names", "plural"))), []).append(item)
    groups = {group for group, _ in known}
    for one, rules in index.rights:
        if not one.manifest.app:
            continue
        for group, plural in dict.fromkeys(statuses(rules)):
            if group in groups and plural != "*" and not cluster.serves(Kind(group, "")):
                providers = tuple(known.get((group, plural), ()))
                wanted = f"CustomResourceDefinition {plural}.{group}"
                yield Need(Topic.OPERATOR_CRD, one.manifest, wanted, f"RBAC: {plural}/status", providers)


COLLECTORS = (instances, watched)
