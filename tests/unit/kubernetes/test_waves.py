"""Waves: done means Synced, Healthy, current and at rest, for every member."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.objects import Json, name
from bootstrap.kubernetes.waves import WaveState, assess
from tests.argo_objects import COMMIT, EXPECTED, OLD, REPO, application, application_set, root

CHART = {"repoURL": "https://charts.example.com", "chart": "grafana", "targetRevision": "8.1.0"}


def state(top: Json | None, apps: list[Json], sets: tuple[Json, ...] = ()) -> WaveState:
    return assess(top, [*apps, *([top] if top else [])], sets, EXPECTED)


def reason(**changes: Any) -> str:
    """Why an Application with these changes is not done."""
    found = state(root({"a": 0}), [application("a", **changes)])
    (member,) = found.waves[0].members
    assert found.done is member.done
    return member.reason


def test_done() -> None:
    found = state(root({"a": 0, "b": 10}), [application("a"), application("b")])
    assert [wave.number for wave in found.waves] == [0, 10]
    assert found.done
    assert found.current is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sync": "OutOfSync"}, "OutOfSync, Healthy"),
        ({"health": "Progressing"}, "Progressing"),
        ({"health": "Missing"}, "Missing"),
        ({"health": "Degraded"}, "Degraded"),
        ({"phase": "Running", "message": "waiting for hook"}, "sync Running: waiting for hook"),
        ({"phase": "Terminating"}, "sync Terminating"),
        ({"phase": "Failed", "message": "no matches for kind"}, "sync Failed: no matches for kind"),
        ({"commit": OLD}, "was compared at bbbbbbbb, wanted is aaaaaaaa"),
        ({"commit": ""}, "was not compared yet"),
        ({"metadata": {"deletionTimestamp": "2025-01-01T00:00:00Z"}}, "is being deleted"),
        (
            {"spec": {"source": {"repoURL": REPO, "path": "other", "targetRevision": "main"}}},
            "was changed since",
        ),
        ({"source": CHART, "commit": "8.0.0"}, "was compared at chart version 8.0.0, wanted is 8.1.0"),
    ],
)
def test_not_done(changes: dict[str, Any], said: str) -> None:
    found = reason(**changes)
    assert found
    assert said in found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": CHART, "commit": "8.1.0"},
        {"source": {**CHART, "targetRevision": "8.*"}, "commit": "8.3.1"},
        {"source": {**CHART, "targetRevision": "v8.1.0"}, "commit": "8.1.0"},
        {"source": {"repoURL": REPO, "path": "a", "targetRevision": "v1"}, "commit": OLD},
        {"source": {"repoURL": REPO.removesuffix(".git"), "path": "a", "targetRevision": "HEAD"}},
        {
            "spec": {
                "source": {
                    "repoURL": REPO,
                    "path": "a",
                    "targetRevision": "main",
                    "directory": {"recurse": False},
                }
            }
        },
    ],
)
def test_current_enough(changes: dict[str, Any]) -> None:
    assert reason(**changes) == ""


def test_a_sync_that_is_asked_for_counts_as_running() -> None:
    found = state(root({"a": 0}), [{**application("a"), "operation": {"sync": {}}}])
    assert not found.done


def test_several_sources_are_compared_one_by_one() -> None:
    item = application("a")
    item["spec"]["sources"] = [CHART, item["spec"].pop("source")]
    compared = item["status"]["sync"]["comparedTo"]
    compared["sources"] = item["spec"]["sources"]
    del compared["source"]
    item["status"]["sync"]["revisions"] = ["8.1.0", COMMIT]
    assert state(root({"a": 0}), [item]).done
    item["status"]["sync"]["revisions"] = ["8.1.0", OLD]
    assert not state(root({"a": 0}), [item]).done


def test_nothing_is_known_before_the_root_was_compared_at_the_current_commit() -> None:
    for top in (None, root({"a": 0}, commit=OLD), application("root", sync="Unknown", commit="")):
        found = state(top, [application("a")])
        assert not found.planned
        assert not found.done
        assert found.waves == ()
        assert found.root.reason


def test_an_application_that_is_not_there_is_not_done() -> None:
    found = state(root({"a": 0}), [])
    (member,) = found.waves[0].pending
    assert (member.sync, member.reason) == ("Missing", "is not created yet")


def test_the_root_itself_has_to_be_done() -> None:
    found = state(root({"a": 0}, phase="Running"), [application("a")])
    assert found.current is None
    assert not found.done


def test_the_children_of_a_set_belong_to_its_wave() -> None:
    top, sets = root({"apis": 60}, ("apis",)), (application_set("apis", "auth", "chat"),)
    children = [application("auth", owner="apis"), application("chat", owner="apis", health="Progressing")]
    found = state(top, children, sets)
    assert [member.name for member in found.waves[0].members] == ["apis", "auth", "chat"]
    assert [member.name for member in found.waves[0].pending] == ["chat"]
    children[1] = application("chat", owner="apis")
    assert state(top, children, sets).done


def test_a_set_is_not_done_before_its_children_are_there() -> None:
    top, sets = root({"apis": 60}, ("apis",)), (application_set("apis", "auth", "chat"),)
    (member,) = state(top, [application("auth", owner="apis")], sets).waves[0].pending
    assert member.reason == "has not made chat yet"
    (member,) = state(top, [], ()).waves[0].pending
    assert member.reason == "is not created yet"


def test_a_set_with_an_error_is_not_done() -> None:
    broken = application_set("apis")
    broken["status"]["conditions"] = [{"type": "ErrorOccurred", "status": "True", "message": ""}]
    (member,) = state(root({"apis": 60}, ("apis",)), [], (broken,)).waves[0].pending
    assert member.reason == "Degraded"


STATES = st.sampled_from(
    [{}, {"sync": "OutOfSync"}, {"health": "Progressing"}, {"phase": "Running"}, {"commit": OLD}, None]
)
PLANS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(-10, 70), max_size=12)


@given(PLANS, st.data())
def test_current_is_the_first_wave_with_a_member_that_is_not_done(plan: dict[str, int], data: Any) -> None:
    changes = {which: data.draw(STATES) for which in plan}
    apps = [application(which, **change) for which, change in changes.items() if change is not None]
    shuffled = data.draw(st.permutations(apps))
    found = state(root(plan), shuffled)
    bad = {plan[which] for which, change in changes.items() if change != {}}
    assert (found.current.number if found.current else None) == min(bad, default=None)
    assert found.done == (not bad)
    assert [wave.number for wave in found.waves] == sorted(set(plan.values()))
    assert {member.name for wave in found.waves for member in wave.members} == set(plan)
    assert found == state(root(plan), sorted(apps, key=name))
