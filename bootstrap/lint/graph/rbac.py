"""Which workload may do what, from the (Cluster)Roles bound to its ServiceAccount. Pure.

An operator is recognized by its permissions: what may update `<plural>/status` of a kind reconciles it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import Json, Key, Kind, dig, labels_of
from bootstrap.kubernetes.selectors import matches
from bootstrap.lint.graph.pods import Workload

GROUP = "rbac.authorization.k8s.io"
ROLE, CLUSTER_ROLE = Kind(GROUP, "Role"), Kind(GROUP, "ClusterRole")
ROLE_BINDING, CLUSTER_ROLE_BINDING = Kind(GROUP, "RoleBinding"), Kind(GROUP, "ClusterRoleBinding")
SERVICE_ACCOUNT = Kind("", "ServiceAccount")

_WRITE = frozenset({"update", "patch", "*"})
_READ = frozenset({"watch", "list", "*"})


class Access:
    """Rights of workloads."""

    def __init__(self, by_kind: Mapping[Kind, tuple[Manifest, ...]]) -> None:
        self._roles: dict[Key, Manifest] = {
            item.key: item for kind in (ROLE, CLUSTER_ROLE) for item in by_kind.get(kind, ())
        }
        self.bindings: dict[Key, list[Manifest]] = defaultdict(list)
        for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            for item in by_kind.get(kind, ()):
                for account in accounts(item):
                    self.bindings[account].append(item)

    def rules(self, workload: Workload) -> tuple[Json, ...]:
        """All that its ServiceAccount may do, wherever."""
        account = Key(SERVICE_ACCOUNT, workload.manifest.namespace, workload.service_account)
        return tuple(
            rule for binding in self.bindings.get(account, ()) for rule in self._granted(role_of(binding))
        )

    def _granted(self, key: Key) -> Iterator[Json]:
        role = self._roles.get(key)
        if role is None:
            return
        yield from role.item.get("rules") or ()
        for selector in dig(role.item, "aggregationRule", "clusterRoleSelectors") or ():
            for other in self._roles.values():
                if other is not role and matches(selector, labels_of(other.item)):
                    yield from other.item.get("rules") or ()


def accounts(binding: Manifest) -> Iterator[Key]:
    """The ServiceAccounts that a binding names."""
    for subject in binding.item.get("subjects") or ():
        if subject.get("kind") == "ServiceAccount":
            where = str(subject.get("namespace") or binding.namespace)
            yield Key(SERVICE_ACCOUNT, where, str(subject.get("name")))


def role_of(binding: Manifest) -> Key:
    reference = binding.item.get("roleRef") or {}
    kind = Kind(GROUP, str(reference.get("kind", "ClusterRole")))
    return Key(kind, binding.namespace if kind == ROLE else "", str(reference.get("name")))


def acts_on(rules: Iterable[Json], group: str, plural: str) -> int:
    """How sure it is that who has these rights acts on that resource: 3 it writes the status, 2 it writes the
    objects, 1 it reads them, 0 not at all. Rights on all groups say nothing."""
    return max((_rank(rule, plural) for rule in rules if group in (rule.get("apiGroups") or ())), default=0)


def _rank(rule: Json, plural: str) -> int:
    resources, verbs = set(rule.get("resources") or ()), set(rule.get("verbs") or ())
    if verbs & _WRITE and resources & {f"{plural}/status", f"{plural}/finalizers", "*", "*/*", "*/status"}:
        return 3
    if plural in resources:
        return 2 if verbs & _WRITE else 1 if verbs & _READ else 0
    return 1 if "*" in resources and verbs & _READ else 0


def writes(rules: Iterable[Json], group: str, plural: str) -> bool:
    """Whether they allow to create or change the objects, by name or by wildcard."""
    return any(
        {group, "*"} & set(rule.get("apiGroups") or ())
        and {plural, "*"} & set(rule.get("resources") or ())
        and {"create", "update", "patch", "*"} & set(rule.get("verbs") or ())
        for rule in rules
    )


def statuses(rules: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """Group and plural of every resource whose status may be written, by name."""
    for rule in rules:
        if set(rule.get("verbs") or ()) & _WRITE:
            for group in rule.get("apiGroups") or ():
                for resource in rule.get("resources") or ():
                    plural, _, part = str(resource).partition("/")
                    if part == "status":
                        yield str(group), plural
