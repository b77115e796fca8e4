"""Trees from YAML text, for tests of the linter and for the examples of its rules.

The text is a stream of documents. An Application begins a section: what follows is what it renders to, up to
the next Application. What stands before the first one is installed before the root. An Application that
names an ApplicationSet in its ownerReferences is made by it. A document with `ssm_prefix` holds what
bootstrap.yaml says: seeds by name below the prefix, and `facts` of Terraform. One with `file` and `text` is
another file of Git.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bootstrap.gitops.model import App, AppSet, Broken, Location, Manifest, Seeded, Tree
from bootstrap.kubernetes.argo import wave_of
from bootstrap.kubernetes.documents import located
from bootstrap.kubernetes.objects import CRD, Json, Kind, annotations_of, dig, name, namespace, spec

FILE = "example.yaml"
CLUSTER_WIDE = {
    *("Namespace", "Node", "PersistentVolume", "StorageClass", "CSIDriver", "PriorityClass", "RuntimeClass"),
    *("IngressClass", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
    *("ClusterSecretStore", "ClusterExternalSecret", "ClusterIssuer", "Installation", "NodePool"),
}
STEP = "example/rolling-sync-step"  # annotation of an Application of a set
VIA = "example/via"  # annotation of an object: Manifest.via
BROKEN = "example/broken"  # annotation of an Application that cannot be rendered, and why


def tree(text: str, file: str = FILE) -> Tree:
    """The tree that the text describes, sorted as a tree is."""
    reader = _Reader(file)
    for line, item in located(text):
        reader.take(line, item)
    apps = sorted(reader.finished(), key=lambda app: (app.position, app.name))
    return Tree(
        apps=tuple(apps),
        sets=tuple(reader.sets),
        installed=tuple(reader.installed),
        broken=tuple(reader.broken()),
        seeded=reader.seeded,
        files={file: text, **reader.files},
    )


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.apps: list[App] = []
        self.sets: list[AppSet] = []
        self.installed: list[Manifest] = []
        self.held: dict[str, list[Manifest]] = {}
        self.scopes: dict[Kind, str] = {}
        self.seeded = Seeded()
        self.files: dict[str, str] = {}

    def take(self, line: int, item: Json) -> None:
        where = Location(self.file, line)
        kind = item.get("kind")
        if "ssm_prefix" in item:
            self.seeded = _seeded(item)
        elif "text" in item:
            self.files[str(item["file"])] = str(item["text"])
        elif kind == "Application":
            self.apps.append(self._app(item, where))
            self.held[name(item)] = []
        elif kind == "ApplicationSet":
            self.sets.append(AppSet(item, where, (wave_of(item),)))
        else:
            self._object(item, where)

    def finished(self) -> list[App]:
        return [replace(app, manifests=tuple(self.held[app.name])) for app in self.apps]

    def broken(self) -> Iterator[Broken]:
        for app in self.apps:
            if why := annotations_of(app.item).get(BROKEN):
                yield Broken(f"Application {app.name}", why, app.where)

    def _app(self, item: Json, where: Location) -> App:
        parent = str(dig(item, "metadata", "labels", "parent") or "")
        above = next((app.position for app in self.apps if app.name == parent), ())
        owners = dig(item, "metadata", "ownerReferences") or ()
        made_by = next((str(one["name"]) for one in owners if one["kind"] == "ApplicationSet"), "")
        there = next((one.position for one in self.sets if one.name == made_by), None)
        step = dig(item, "metadata", "annotations", STEP)
        return App(
            {"apiVersion": "argoproj.io/v1alpha1", **item},
            where,
            there if there is not None else (*above, wave_of(item)),
            parent=parent,
            set=made_by,
            step=None if step is None else int(step),
        )

    def _object(self, item: Json, where: Location) -> None:
        if Kind.of(item).unversioned == CRD:
            defined = Kind(str(spec(item)["group"]), str(dig(spec(item), "names", "kind")))
            self.scopes[defined] = str(spec(item).get("scope", "Namespaced"))
        app = self.apps[-1] if self.apps else None
        there = self._namespace(item, app.item if app else {})
        via = annotations_of(item).get(VIA, "")
        manifest = Manifest(item, app.name if app else "", where, via, there)
        (self.held[app.name] if app else self.installed).append(manifest)

    def _namespace(self, item: Json, app: Json) -> str:
        kind = Kind.of(item).unversioned
        if kind.name in CLUSTER_WIDE or self.scopes.get(kind) == "Cluster":
            return ""
        return namespace(item) or str(dig(app, "spec", "destination", "namespace") or "default")


def _seeded(item: dict[str, Any]) -> Seeded:
    prefix = str(item["ssm_prefix"])
    return Seeded(
        prefix,
        names=frozenset(f"{prefix}/{one}" for one in item.get("seeds") or ()),
        facts=frozenset(f"{prefix}/{one}" for one in item.get("facts") or ()),
    )
