"""The Applications in Git: which there are, in which wave, and which chart with which values one installs.

`load` reads the checkout, uncommitted changes included; the rest is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.config.model import Gitops
from bootstrap.core.errors import ConfigError, Problem
from bootstrap.kubernetes.documents import documents, located
from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.render import Chart, Parameter, Release

KINDS = ("Application", "ApplicationSet")
WAVE = "argocd.argoproj.io/sync-wave"


@dataclass(frozen=True)
class AppManifest:
    """An Application or ApplicationSet; `file` is relative to the repository's root, `line` counts from 1."""

    name: str
    wave: int
    kind: str
    file: Path
    line: int
    spec: Mapping[str, Any]

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


def repository_root(checkout: Path) -> Path:
    """The root of the Git work tree that `checkout` lies in. Raises ConfigError."""
    for folder in (checkout.resolve(), *checkout.resolve().parents):
        if (folder / ".git").exists():
            return folder
    if checkout.is_dir():
        problem = Problem(
            "gitops.checkout", f"{checkout} is not inside a Git repository", f"git init {checkout}"
        )
    else:
        problem = Problem(
            "gitops.checkout", f"{checkout} does not exist", "name the checkout of the GitOps repository"
        )
    raise ConfigError("the GitOps repository cannot be read", [problem])


def load(gitops: Gitops) -> tuple[AppManifest, ...]:
    """Every Application below `gitops.path`, by wave and name. Raises ConfigError with all problems."""
    root = repository_root(gitops.checkout)
    folder = root / gitops.path
    if not folder.is_dir():
        cure = "correct gitops.path: it counts from the repository's root"
        problem = Problem("gitops.path", f"there is no folder {gitops.path} in {root}", cure)
        raise ConfigError("the Applications cannot be read", [problem])
    problems: list[Problem] = []
    found: list[AppManifest] = []
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"}):
        inside = file.relative_to(root)
        try:
            apps, wrong = parse(file.read_text(encoding="utf-8"), inside)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            apps, wrong = [], [Problem(str(inside), f"cannot be read: {why}", "correct or remove it")]
        found += apps
        problems += wrong
    problems += _duplicates(found)
    if not found and not problems:
        cure = "put at least one Application there, or correct gitops.path"
        problems.append(Problem("gitops.path", f"there is no Application below {folder}", cure))
    if problems:
        raise ConfigError("the Applications cannot be read", problems)
    return tuple(sorted(found, key=lambda app: (app.wave, app.name)))


def parse(text: str, file: Path) -> tuple[list[AppManifest], list[Problem]]:
    """The Applications in one file, and what is wrong with it."""
    found: list[AppManifest] = []
    problems: list[Problem] = []
    try:
        for line, document in located(text):
            if isinstance(document, dict) and document.get("kind") in KINDS:
                outcome = _manifest(document, file, line)
                if isinstance(outcome, Problem):
                    problems.append(outcome)
                else:
                    found.append(outcome)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        why = getattr(error, "problem", None) or error
        problems.append(Problem(where, f"no valid YAML: {why}", "correct the line"))
    return found, problems


def root_application(gitops: Gitops) -> Json:
    """The Application that syncs all others. What its source is (folder, Kustomize, Helm) Argo CD finds out.

    It carries no deletion finalizer: deleting it by mistake must not take the platform along. `down` adds it.
    """
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": gitops.root_app, "namespace": gitops.namespace},
        "spec": {
            "project": gitops.project,
            "source": {"repoURL": gitops.repo_url, "path": gitops.path, "targetRevision": gitops.revision},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": gitops.namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
            },
        },
    }


def find(apps: Iterable[AppManifest], stem: str) -> AppManifest:
    """The Application in the file of that name (without its suffix). Raises ConfigError."""
    for app in apps:
        if app.file.stem == stem:
            return app
    problem = Problem(
        "", f"no Application stands in a file {stem}.yaml", "correct eso.application in the configuration"
    )
    raise ConfigError("an Application is missing", [problem])


def chart_of(app: AppManifest, read: Callable[[str], str]) -> tuple[Chart, Release]:
    """The chart that an Application installs and how, as Argo CD would render it.

    `read` gives the text of a file by its path from the repository's root (for value files of the
    repository itself). Raises ConfigError when the Application has no chart or needs what is not supported.
    """
    source = next((one for one in _sources(app.spec) if one.get("chart")), None)
    if source is None:
        raise _refused(app, "has no source with a chart", "give it repoURL, chart and targetRevision")
    helm = source.get("helm") or {}
    values = [_value_file(app, str(path), read) for path in helm.get("valueFiles") or ()]
    values.append(
        helm["valuesObject"] if helm.get("valuesObject") else _mapping(app, helm.get("values") or "")
    )
    release = Release(
        name=str(helm.get("releaseName") or app.name),
        namespace=str((app.spec.get("destination") or {}).get("namespace") or "default"),
        values=tuple(values),
        parameters=tuple(_parameter(one) for one in helm.get("parameters") or ()),
        include_crds=not helm.get("skipCrds", False),
    )
    chart = Chart(str(source["repoURL"]), str(source["chart"]), str(source.get("targetRevision") or ""))
    return chart, release


def _parameter(given: Mapping[str, Any]) -> Parameter:
    return Parameter(str(given["name"]), str(given["value"]), bool(given.get("forceString", False)))


def _manifest(document: Mapping[str, Any], file: Path, line: int) -> AppManifest | Problem:
    metadata = document.get("metadata") or {}
    spec = document.get("spec")
    name = metadata.get("name")
    wave = str((metadata.get("annotations") or {}).get(WAVE, "0"))
    where = f"{file}:{line}"
    if not name:
        return Problem(where, f"this {document['kind']} has no name", "give it metadata.name")
    if not isinstance(spec, dict):
        return Problem(where, f"{document['kind']} {name} has no spec", "give it a spec")
    if not wave.lstrip("-").isdigit():
        return Problem(where, f"{WAVE} of {name} is {wave!r}", "make it a whole number in quotes")
    return AppManifest(str(name), int(wave), str(document["kind"]), file, line, spec)


def _duplicates(apps: Iterable[AppManifest]) -> list[Problem]:
    first: dict[tuple[str, str], AppManifest] = {}
    problems = []
    for app in apps:
        other = first.setdefault((app.kind, app.name), app)
        if other is not app:
            what = f"{app.kind} {app.name} stands in {other.where}, too"
            problems.append(Problem(app.where, what, "rename or remove one of them"))
    return problems


def _sources(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(spec.get("sources") or ()), *([spec["source"]] if spec.get("source") else ())]


def _value_file(app: AppManifest, path: str, read: Callable[[str], str]) -> Mapping[str, Any]:
    """A value file of the repository itself, `$ref/path`; a chart's own ones cannot be known here."""
    reference, _, inside = path.partition("/")
    refs = {f"${one['ref']}" for one in _sources(app.spec) if one.get("ref")}
    if reference not in refs:
        raise _refused(
            app, f"uses the value file {path}", "use values, valuesObject or a $ref of this repository"
        )
    try:
        return _mapping(app, read(inside))
    except OSError as error:
        raise _refused(app, f"uses the value file {path}: {error.strerror}", "correct its path") from error


def _mapping(app: AppManifest, text: str) -> Mapping[str, Any]:
    try:
        value: object = next(documents(text), {})
    except yaml.YAMLError as error:
        raise _refused(app, f"has values that are no valid YAML: {error}", "correct them") from error
    if not isinstance(value, dict):
        raise _refused(app, "has values that are no mapping", "correct them")
    return value


def _refused(app: AppManifest, what: str, cure: str) -> ConfigError:
    return ConfigError("an Application cannot be used", [Problem(app.where, f"{app.name} {what}", cure)])
