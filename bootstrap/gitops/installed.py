"""What stands in the cluster before the root Application."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import yaml

from bootstrap.config.model import Environment
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.closure import kustomization
from bootstrap.gitops.model import BY_ESO, App, Blank, Broken, Location, Manifest, Unchecked
from bootstrap.gitops.operator import definitions_before, find
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.render import Renderer
from bootstrap.gitops.source import RenderedObject
from bootstrap.gitops.walk import manifest, stands_for_unknown
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import APP_PROJECT, APPLICATION, APPLICATION_SET, CRD, Json, Kind

_OWN = "Argo CD's own manifests"
_OPTIONS = re.compile(r"^[ \t]+kustomize\.buildOptions:[ \t]*([^\r\n]*)", re.MULTILINE)


def build_options(config: Environment, checkout: Checkout) -> str:
    """argocd-cm's `kustomize.buildOptions`, read from the text: rendering must not wait for Argo CD's own."""
    folder = _folder(config, checkout)
    paths = checkout.files(folder) if folder is not None else ()
    texts = [
        checkout.text(path) for path in paths if path.endswith((".yaml", ".yml")) and checkout.is_file(path)
    ]
    return next((_value(found[1]) for text in texts if (found := _OPTIONS.search(text))), "")


def _value(text: str) -> str:
    """Of a key, as YAML has it; the text itself where it is none."""
    try:
        return str(next(documents(text), "") or "")
    except yaml.YAMLError:
        return text


def render(config: Environment, renderer: Renderer, checkout: Checkout) -> list[RenderedObject]:
    """The kustomization of `gitops.install`. Raises Unknown, Wrong, ToolError."""
    folder = _folder(config, checkout)
    if folder is None:
        raise Unknown(
            f"{config.gitops.install} lies outside the repository", "keep Argo CD's kustomization in it"
        )
    return renderer.kustomization(folder)


@dataclass(frozen=True)
class ArgoCD:
    """What `render` gives, once it is there."""

    config: Environment
    checkout: Checkout
    rendered: Future[list[RenderedObject]]

    def objects(self) -> list[RenderedObject]:
        """Where it cannot be rendered, what every Argo CD has. Raises ToolError."""
        try:
            return self.rendered.result()
        except (Unknown, Wrong):
            return [RenderedObject(item) for item in _certain(self.config.gitops.namespace)]

    def blanks(self) -> tuple[Blank, ...]:
        known = self.rendered.exception() is None and not any(map(stands_for_unknown, self.rendered.result()))
        return () if known else (Blank(_OWN, self.config.gitops.namespace, wide=False),)

    def manifests(self, wide: frozenset[Kind]) -> tuple[Manifest, ...]:
        where, space = self._where(), self.config.gitops.namespace
        return tuple(manifest(rendered, "", where, space, wide) for rendered in self.objects())

    def unchecked(self) -> tuple[Unchecked, ...]:
        problem = self.rendered.exception()
        if not isinstance(problem, Unknown):
            return ()
        return (Unchecked(_OWN, problem.why, self._where(), problem.cure),)

    def broken(self) -> tuple[Broken, ...]:
        problem = self.rendered.exception()
        if not isinstance(problem, Wrong):
            return ()
        return (Broken(_OWN, problem.why, self._where(), problem.cure),)

    def _where(self) -> Location:
        folder = _folder(self.config, self.checkout)
        file = kustomization(self.checkout, folder) if folder is not None else None
        return Location(file or str(self.config.gitops.install))


def _certain(namespace: str) -> Iterator[Json]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for kind in (APPLICATION, APPLICATION_SET, APP_PROJECT):
        plural = f"{kind.name.lower()}s"
        names = {"kind": kind.name, "plural": plural, "singular": kind.name.lower()}
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": CRD.name,
            "metadata": {"name": f"{plural}.{kind.group}"},
            "spec": {
                "group": kind.group,
                "names": names,
                "scope": "Namespaced",
                "versions": [{"name": "v1alpha1", "served": True, "storage": True}],
            },
        }


def operator(config: Environment, apps: Sequence[App]) -> tuple[Manifest, ...]:
    """What the step `eso` applies."""
    owner = find(apps, config.eso.application)
    if owner is None:
        return ()
    found = list(owner.manifests)
    if earlier := definitions_before(apps, owner):
        found += [one for one in earlier.manifests if one.key.kind == CRD]
    return tuple(replace(one, app="", via=f"{BY_ESO}, {one.via}".removesuffix(", ")) for one in found)


def _folder(config: Environment, checkout: Checkout) -> str | None:
    try:
        return config.gitops.install.resolve().relative_to(checkout.root.resolve()).as_posix()
    except ValueError:
        return None
