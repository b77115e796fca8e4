"""Look-ups in a tree that the needs share. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from bootstrap.gitops.model import BY_ESO, App, Manifest, Tree
from bootstrap.gitops.phases import Phase, phase
from bootstrap.kubernetes.objects import CRD, NAMESPACE, Json, Key, Kind, dig, labels_of, name, spec
from bootstrap.kubernetes.selectors import matches
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.pods import Workload, workload
from bootstrap.lint.graph.producers import SecretProducers, makes_service
from bootstrap.lint.graph.rbac import Access, acts_on
from bootstrap.lint.graph.timeline import Timeline

_T = TypeVar("_T", bound=Hashable)


class Index:
    """A tree's objects by what is asked for. Objects that no sync applies are left out."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._operators: dict[Kind, tuple[Manifest, ...]] = {}
        self.users = tuple(item for item in tree.manifests if phase(item) is not Phase.NEVER)
        made = (namespace_made_by(app) for app in tree.apps)
        # What is installed early only to be adopted counts from the Application on that adopts it: Git has to
        # be in order for a cluster that is built from it in another way.
        installed = (item for item in tree.installed if not item.via.startswith(BY_ESO))
        self.all = (*installed, *self.users, *(item for item in made if item))

    @cached_property
    def by_key(self) -> Mapping[Key, tuple[Manifest, ...]]:
        return _grouped(self.all, lambda item: item.key)

    @cached_property
    def by_kind(self) -> Mapping[Kind, tuple[Manifest, ...]]:
        return _grouped(self.all, lambda item: item.key.kind)

    @cached_property
    def by_app(self) -> Mapping[str, tuple[Manifest, ...]]:
        return _grouped(self.all, lambda item: item.app)

    @cached_property
    def in_namespace(self) -> Mapping[str, tuple[Manifest, ...]]:
        return _grouped(self.all, lambda item: item.namespace)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Everything that makes pods itself."""
        return tuple(found for item in self.all for found in (workload(item),) if found)

    @cached_property
    def workloads_in(self) -> Mapping[str, tuple[Workload, ...]]:
        """By namespace."""
        found: dict[str, list[Workload]] = defaultdict(list)
        for one in self.workloads:
            found[one.manifest.namespace].append(one)
        return {key: tuple(items) for key, items in found.items()}

    @cached_property
    def crds(self) -> Mapping[Kind, tuple[Manifest, ...]]:
        """By the kind they define."""
        return _grouped(
            self.by_kind.get(CRD, ()),
            lambda item: Kind(str(spec(item.item).get("group")), str(dig(spec(item.item), "names", "kind"))),
        )

    @cached_property
    def namespace_labels(self) -> Mapping[str, Mapping[str, str]]:
        """Of every namespace of the tree, with the label that the API server adds."""
        found: dict[str, dict[str, str]] = {one: {} for one in cluster.NAMESPACES}
        for item in self.by_kind.get(NAMESPACE, ()):
            found.setdefault(name(item.item), {}).update(labels_of(item.item))
        return {one: {**labels, "kubernetes.io/metadata.name": one} for one, labels in found.items()}

    @cached_property
    def access(self) -> Access:
        return Access(self.by_kind)

    @cached_property
    def secrets(self) -> SecretProducers:
        return SecretProducers(
            self.all,
            in_namespace=self.in_namespace,
            workloads_in=self.workloads_in,
            access=self.access,
            namespaces=self.namespaces,
        )

    @cached_property
    def timeline(self) -> Timeline:
        return Timeline(self.tree)

    @cached_property
    def rights(self) -> tuple[tuple[Workload, tuple[Json, ...]], ...]:
        """Every workload whose pods stay, with what it may do."""
        return tuple((one, self.access.rules(one)) for one in self.workloads if one.lasting)

    def operators(self, kind: Kind) -> tuple[Manifest, ...]:
        """The workloads that act on objects of a kind: those that may write its status; else its objects;
        else what comes with its CRD; else those that read them."""
        if kind not in self._operators:
            self._operators[kind] = self._find_operators(kind)
        return self._operators[kind]

    def _find_operators(self, kind: Kind) -> tuple[Manifest, ...]:
        plural = self.plural(kind)
        ranks = [(acts_on(rules, kind.group, plural), one.manifest) for one, rules in self.rights]
        best = max((rank for rank, _ in ranks), default=0)
        if best < 2:
            homes = {item.app for item in self.crds.get(kind, ()) if item.app}
            beside = tuple(one.manifest for one, _ in self.rights if one.manifest.app in homes)
            if beside:
                return beside
        return tuple(item for rank, item in ranks if rank == best and best)

    def makers(self, where: str, service: str) -> tuple[Manifest, ...]:
        """Custom resources of a namespace for which an operator makes a Service of that name."""
        return tuple(item for item in self.operated(where) if makes_service(item, service))

    def operated(self, where: str) -> tuple[Manifest, ...]:
        """Custom resources of a namespace for which an operator makes other objects."""
        items = self.in_namespace.get(where, ())
        return tuple(item for item in items if cluster.has_children(item.key.kind))

    def plural(self, kind: Kind) -> str:
        """The resource name of a kind."""
        for item in self.crds.get(kind, ()):
            return str(dig(spec(item.item), "names", "plural"))
        return cluster.plural(kind.name)

    def namespaces(self, selector: Json | None) -> Iterator[str]:
        """The names of those that a label selector (None: all) chooses."""
        return (one for one, labels in self.namespace_labels.items() if matches(selector, labels))

    def need(
        self, topic: Topic, user: Manifest, key: Key, reason: str, *, hard: bool = False
    ) -> Iterator[Need]:
        """The need of one object by its key; none where the cluster has it, or the user is it."""
        if cluster.has(key):
            return
        providers = self.by_key.get(key, ())
        if user not in providers:
            yield Need(topic, user, str_of(key), reason, providers, hard)


def str_of(key: Key) -> str:
    """As people name it: `Secret auth/db`."""
    return f"{key.kind.name} {f'{key.namespace}/' if key.namespace else ''}{key.name}"


def values(item: Any, key: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of that key at any depth, with the path to it."""
    if isinstance(item, dict):
        for name, inner in item.items():
            here = f"{path}.{name}" if path else str(name)
            if name == key:
                yield here, inner
            yield from values(inner, key, here)
    elif isinstance(item, list):
        for number, inner in enumerate(item):
            yield from values(inner, key, f"{path}[{number}]")


def namespace_made_by(app: App) -> Manifest | None:
    """The Namespace that Argo CD makes at the start of an Application's sync (CreateNamespace=true)."""
    where = str(dig(spec(app.item), "destination", "namespace") or "")
    options = dig(spec(app.item), "syncPolicy", "syncOptions") or ()
    if not where or "CreateNamespace=true" not in [str(option).replace(" ", "") for option in options]:
        return None
    labels = dig(spec(app.item), "syncPolicy", "managedNamespaceMetadata", "labels") or {}
    item = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": where,
            "labels": labels,
            "annotations": {"argocd.argoproj.io/hook": "PreSync"},
        },
    }
    return Manifest(item, app.name, app.where, "CreateNamespace=true")


def _grouped(items: Iterable[Manifest], key: Callable[[Manifest], _T]) -> dict[_T, tuple[Manifest, ...]]:
    found: dict[_T, list[Manifest]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return {one: tuple(many) for one, many in found.items()}
