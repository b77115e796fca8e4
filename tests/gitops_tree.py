"""A rendered tree of two Applications: the CRDs of External Secrets in wave 0, the operator in wave 10."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.gitops.model import App, Location, Manifest, Tree
from bootstrap.kubernetes.objects import Json, namespace

ROOT = App({"kind": "Application", "metadata": {"name": "root"}}, Location("apps"), ())


def app(name: str, file: str, *position: int, space: str = "", objects: tuple[Json, ...] = ()) -> App:
    """Of the root, with what it renders to."""
    where = Location(f"apps/{file}.yaml")
    item = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"destination": {"namespace": space}},
    }
    manifests = tuple(Manifest(one, name, where, namespace=namespace(one) or space) for one in objects)
    return App(item, where, position, "root", manifests=manifests)


def definition(plural: str, group: str) -> Json:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": {"kind": "ExternalSecret" if "secrets" in group else "Other"}},
    }


def deployment(name: str, space: str = "") -> Json:
    meta = {"name": name, **({"namespace": space} if space else {})}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 1}}


CRDS = app(
    "dev-crds",
    "00-crds",
    0,
    objects=(definition("externalsecrets", "external-secrets.io"), definition("others", "example.com")),
)
OPERATOR = app(
    "dev-secrets-operator", "10-secrets-operator", 10, space="external-secrets", objects=(deployment("eso"),)
)
TREE = Tree((ROOT, CRDS, OPERATOR))


def with_objects(tree: Tree, name: str, *objects: Json) -> Tree:
    """The tree in which one Application renders to something else."""
    found = tree.by_name[name]
    where = found.where
    manifests = tuple(Manifest(one, name, where, namespace=namespace(one)) for one in objects)
    changed = replace(found, manifests=manifests)
    return replace(tree, apps=tuple(changed if one.name == name else one for one in tree.apps))
