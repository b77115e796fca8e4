"""The waves as Git has them: from the rendered tree, else from plain files, else nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.gitops.model import App, AppSet, Location, Tree
from bootstrap.kubernetes.waves import PlannedMember
from bootstrap.steps.planned import announced, from_tree, planned
from tests.argo_objects import application, application_set
from tests.kubernetes_bench import Bench

APP = """
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}}}
spec: {{project: default}}
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "apps"
    (folder / "deeper").mkdir(parents=True)
    (folder / "00-crds.yaml").write_text(APP.format(kind="Application", name="crds", wave=0))
    (folder / "60-apis.yaml").write_text(APP.format(kind="ApplicationSet", name="apis", wave=60))
    (folder / "deeper" / "x.yaml").write_text(APP.format(kind="Application", name="not-read", wave=1))
    return folder


def test_plain_files(bench: Bench, apps: Path) -> None:
    found = planned(bench.context)
    assert found == (
        PlannedMember("crds", "Application", (0,)),
        PlannedMember("apis", "ApplicationSet", (60,)),
    )
    assert announced(found) == ((0, ("crds",)), (60, ("apis",)))


@pytest.mark.parametrize("file", ["Chart.yaml", "kustomization.yaml"])
def test_what_has_to_be_rendered_is_not_guessed_at(bench: Bench, apps: Path, file: str) -> None:
    (apps / file).write_text("")
    assert planned(bench.context) == ()


def test_what_cannot_be_read_is_no_reason_to_fail(bench: Bench, apps: Path) -> None:
    (apps / "broken.yaml").write_text("{")
    assert planned(bench.context) == ()


def test_a_checkout_that_is_none_is_no_reason_to_fail(bench: Bench) -> None:
    assert planned(bench.context) == ()


def test_the_rendered_tree_tells_more(bench: Bench, apps: Path) -> None:
    where = Location("apps/x.yaml")

    def app(name: str, *position: int, parent: str = "") -> App:
        return App(application(name), where, position, parent)

    tree = Tree(
        (
            app("root"),
            app("infra", 10, parent="root"),
            app("db", 10, 2, parent="infra"),
            App(application("auth"), where, (60,), "root", "apis", 2),
        ),
        (AppSet(application_set("apis"), where, (60,), "root"),),
    )
    bench.context.results.put(from_tree(tree, "root"))
    found = planned(bench.context)
    assert set(found) == {
        PlannedMember("infra", "Application", (10,)),
        PlannedMember("db", "Application", (10, 2), "infra"),
        PlannedMember("apis", "ApplicationSet", (60,)),
        PlannedMember("auth", "Application", (60,), owner="apis", step=2),
    }
    assert announced(found) == ((10, ("db", "infra")), (60, ("apis",)))
