"""The waves as Git has them, from the rendered tree."""

from __future__ import annotations

from bootstrap.gitops.model import App, AppSet, Location, Tree
from bootstrap.kubernetes.waves import PlannedMember
from bootstrap.steps.planned import announced, planned
from tests.argo_objects import application, application_set


def test_every_member_of_every_wave() -> None:
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
    found = planned(tree, "root")
    assert set(found) == {
        PlannedMember("infra", "Application", (10,)),
        PlannedMember("db", "Application", (10, 2), "infra"),
        PlannedMember("apis", "ApplicationSet", (60,)),
        PlannedMember("auth", "Application", (60,), owner="apis", step=2),
    }
    assert announced(found) == ((10, ("db", "infra")), (60, ("apis",)))
