"""Trees of Applications made from files, for tests that need nothing rendered."""

from __future__ import annotations

from collections.abc import Mapping

from bootstrap.gitops.model import App, AppSet, Location, Manifest, Tree
from bootstrap.kubernetes.argo import WAVE, wave_of
from bootstrap.kubernetes.documents import located
from bootstrap.kubernetes.objects import name

ROOT = App({"kind": "Application", "metadata": {"name": "root"}}, Location("bootstrap.yaml"), ())


def application(called: str, wave: int, kind: str = "Application") -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata:
  name: {called}
  annotations:
    {WAVE}: "{wave}" # the runbook
spec: {{}}
"""


def tree(files: Mapping[str, str], *, parents: Mapping[str, str] | None = None) -> Tree:
    """The Applications and sets that stand in the files; `parents` are those that are not the root."""
    above = parents or {}
    found = {
        name(item): (item, Location(file, line))
        for file, text in sorted(files.items())
        if "kind: Application" in text
        for line, item in located(text)
    }

    def position(called: str) -> tuple[int, ...]:
        start = position(above[called]) if called in above else ()
        return (*start, wave_of(found[called][0]))

    apps = [ROOT]
    sets = []
    for called, (item, where) in found.items():
        parent = above.get(called, "root")
        if item["kind"] == "ApplicationSet":
            sets.append(AppSet(item, where, position(called), parent))
            for member in ("one", "two"):
                made = {"kind": "Application", "metadata": {"name": f"{called}-{member}"}}
                apps.append(App(made, where, position(called), parent, set=called))
        else:
            apps.append(App(item, where, position(called), parent))
    ordered = sorted(apps, key=lambda app: (app.position, app.name))
    return Tree(tuple(ordered), tuple(sets), files=dict(files))


def manifest(app: str, kind: str, called: str, space: str = "", version: str = "v1") -> Manifest:
    """An object that the Application of that name renders."""
    item = {"apiVersion": version, "kind": kind, "metadata": {"name": called}}
    return Manifest(item, app, Location(f"{app}.yaml"), namespace=space)
