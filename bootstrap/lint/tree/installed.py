"""What stands in the cluster before the root Application."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bootstrap.config.model import Environment
from bootstrap.kubernetes import eso as eso_objects
from bootstrap.kubernetes.objects import CRD, Kind
from bootstrap.lint.model import BY_ESO, App, Broken, Location, Manifest, Unchecked
from bootstrap.lint.tree.checkout import Checkout
from bootstrap.lint.tree.closure import kustomization
from bootstrap.lint.tree.piece import Piece
from bootstrap.lint.tree.problems import Unknown, Wrong
from bootstrap.lint.tree.render import Renderer
from bootstrap.lint.tree.walk import manifest

_OPTIONS = re.compile(r"^\s+kustomize\.buildOptions:\s*[\"']?(.*?)[\"']?\s*$", re.MULTILINE)


def build_options(config: Environment, checkout: Checkout) -> str:
    """argocd-cm's `kustomize.buildOptions`, read from the text: rendering must not wait for Argo CD's own."""
    folder = _folder(config, checkout)
    paths = checkout.files(folder) if folder is not None else ()
    texts = [checkout.text(path) for path in paths if path.endswith((".yaml", ".yml"))]
    return next((found[1] for text in texts if (found := _OPTIONS.search(text))), "")


def render(config: Environment, renderer: Renderer, checkout: Checkout) -> list[Piece]:
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
    rendered: Future[list[Piece]]

    def pieces(self) -> list[Piece]:
        """None where it cannot be rendered. Raises ToolError."""
        try:
            return self.rendered.result()
        except (Unknown, Wrong):
            return []

    def manifests(self, wide: frozenset[Kind]) -> tuple[Manifest, ...]:
        where, space = self._where(), self.config.gitops.namespace
        return tuple(manifest(piece, "", where, space, wide) for piece in self.pieces())

    def unchecked(self) -> tuple[Unchecked, ...]:
        problem = self.rendered.exception()
        if not isinstance(problem, Unknown):
            return ()
        return (Unchecked("Argo CD's own manifests", problem.why, self._where(), problem.cure),)

    def broken(self) -> tuple[Broken, ...]:
        problem = self.rendered.exception()
        if not isinstance(problem, Wrong):
            return ()
        return (Broken("Argo CD's own manifests", problem.why, self._where(), problem.cure),)

    def _where(self) -> Location:
        folder = _folder(self.config, self.checkout)
        file = kustomization(self.checkout, folder) if folder is not None else None
        return Location(file or str(self.config.gitops.install))


def eso(config: Environment, apps: Sequence[App]) -> tuple[Manifest, ...]:
    """What the step `eso` applies: its chart, and the CRDs of the first earlier Application that
    has External Secrets' (all of them), unless the chart has them."""
    stem = config.eso.application
    owner = next((app for app in apps if PurePosixPath(app.where.file).stem == stem), None)
    if owner is None:
        return ()
    found = list(owner.manifests)
    if not eso_objects.definitions([one.item for one in found]):
        for app in apps:
            definitions = [one for one in app.manifests if one.key.kind == CRD]
            if app.position < owner.position and eso_objects.definitions([one.item for one in definitions]):
                found += definitions
                break
    return tuple(replace(one, app="", via=f"{BY_ESO}, {one.via}".removesuffix(", ")) for one in found)


def _folder(config: Environment, checkout: Checkout) -> str | None:
    try:
        return config.gitops.install.resolve().relative_to(checkout.root.resolve()).as_posix()
    except ValueError:
        return None
