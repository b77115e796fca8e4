"""External Secrets Operator in the tree: which Application installs it, and which brings its CRDs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bootstrap.config.model import Environment
from bootstrap.core.errors import ConfigError, PreflightError, Problem
from bootstrap.core.suggest import suggest
from bootstrap.gitops.model import App, Broken, Tree, Unchecked
from bootstrap.kubernetes.eso import definitions


@dataclass(frozen=True)
class Operator:
    """`definitions` is the earlier Application that has its CRDs, None where its own has them."""

    app: App
    definitions: App | None


def operator(tree: Tree, config: Environment) -> Operator:
    """Raises ConfigError when no Application installs it, or Argo CD itself could not render that;
    PreflightError when it cannot be rendered here."""
    wanted = config.eso.application
    app = find(tree.apps, wanted)
    if app is None:
        _require_rendered(tree, *tree.apps)  # it may be in what could not be
        known = sorted({name for one in tree.apps if one.position for name in (_stem(one), one.name)})
        what = f"no Application is called {wanted} or stands in a file of that name"
        cure = suggest(wanted, known) or "name it, or its file without .yaml, in eso.application"
        raise ConfigError(
            _WHAT, [Problem(config.eso.where or config.gitops.where or "eso.application", what, cure)]
        )
    earlier = definitions_before(tree.apps, app)
    _require_rendered(tree, app)
    if earlier is None and not _has_definitions(app):
        _require_rendered(tree, *(one for one in tree.apps if one.position < app.position))
        what = "neither it nor an earlier Application has CustomResourceDefinitions of External Secrets"
        cure = "set installCRDs in its values, or add them to an earlier wave"
        raise ConfigError(_WHAT, [Problem(str(app.where), f"{app.name}: {what}", cure)])
    return Operator(app, earlier)


_WHAT = "External Secrets Operator cannot be installed"


def find(apps: Sequence[App], wanted: str) -> App | None:
    """By the name of its file without the suffix, else by its own."""
    by_file = (app for app in apps if app.position and _stem(app) == wanted)
    by_name = (app for app in apps if app.position and app.name == wanted)
    return next(by_file, None) or next(by_name, None)


def definitions_before(apps: Sequence[App], owner: App) -> App | None:
    """The first Application of an earlier wave that has its CRDs; None where its own has them."""
    if _has_definitions(owner):
        return None
    return next((app for app in apps if app.position < owner.position and _has_definitions(app)), None)


def _has_definitions(app: App) -> bool:
    return bool(definitions(one.item for one in app.manifests))


def _stem(app: App) -> str:
    return PurePosixPath(app.where.file).stem


def _require_rendered(tree: Tree, *apps: App) -> None:
    names = {app.name for app in apps}
    if problems := list(_problems(tree.broken, names)):
        raise ConfigError(_WHAT, problems)
    if problems := list(_problems(tree.unchecked, names)):
        raise PreflightError(_WHAT, problems)


def _problems(gaps: Sequence[Unchecked] | Sequence[Broken], apps: set[str]) -> Iterator[Problem]:
    return (Problem(str(one.where), f"{one.what}: {one.why}", one.cure) for one in gaps if one.app in apps)
