"""argocd-cm's `kustomize.buildOptions`: which of kustomize's options are given to it here. Pure.

Whoever changes the tree chooses them, and some run programs or write files. So they are taken from a list.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.gitops.problems import Unknown, Wrong

INFLATE = "--enable-helm"
ANYWHERE = "LoadRestrictionsNone"
_RESTRICTOR = "--load-restrictor"
_CURE = "correct kustomize.buildOptions in ConfigMap argocd-cm"
# Whether each takes a value.
_GIVEN = {
    INFLATE: False,
    "--helm-debug": False,
    "--helm-api-versions": True,
    "--helm-kube-version": True,
    _RESTRICTOR: True,
    "--reorder": True,
    "--stack-trace": False,
}
# Without them a kustomization that calls a plug-in fails, and is not checked; every other is built as ever.
_OF_PLUGINS = {
    "--enable-alpha-plugins": False,
    "--enable-exec": False,
    "--enable-star": False,
    "--as-current-user": False,
    "--network": False,
    "--network-name": True,
    "--mount": True,
    "--env": True,
    "-e": True,
}


@dataclass(frozen=True)
class BuildOptions:
    """`inflate`: charts may be inflated. `anywhere`: files outside a kustomization's folder may be read."""

    others: tuple[str, ...] = ()
    inflate: bool = False
    anywhere: bool = False

    def flags(self, *, inflate: bool, anywhere: bool) -> list[str]:
        """Those that are both allowed by the tree and wanted."""
        helm = [INFLATE] if self.inflate and inflate else []
        return [*self.others, *helm, *([f"{_RESTRICTOR}={ANYWHERE}"] if self.anywhere and anywhere else [])]


def parse(text: str) -> BuildOptions:
    """Raises Wrong for an unbalanced quote, Unknown for an option that is not given to kustomize here."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Wrong(f"kustomize.buildOptions cannot be read: {str(error).lower()}", _CURE) from error
    pairs = list(_pairs(words))
    chosen = dict(pairs)
    others = [f"{name}={value}" for name, value in pairs if name not in {INFLATE, _RESTRICTOR, *_OF_PLUGINS}]
    return BuildOptions(
        tuple(others), chosen.get(INFLATE, "false") == "true", chosen.get(_RESTRICTOR) == ANYWHERE
    )


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        name, given, value = word.partition("=")
        takes_value = _GIVEN.get(name, _OF_PLUGINS.get(name))
        if takes_value is None:
            raise Unknown(f"kustomize.buildOptions has {name}, which is not given to kustomize here", _CURE)
        if not given:
            value = next(rest, "") if takes_value else "true"
        if value.startswith("-") or not value:
            raise Wrong(f"kustomize.buildOptions gives {name} no value", _CURE)
        yield name, value
