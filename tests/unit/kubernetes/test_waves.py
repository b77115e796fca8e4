"""Waves: done means Synced, Healthy, current and at rest, for every member."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.diagnosis.gather import members
from bootstrap.kubernetes import waves
from bootstrap.kubernetes.argo import Expected
from bootstrap.kubernetes.objects import Json, name
from bootstrap.kubernetes.waves import AppFacts, Memory, PlannedMember, WaveState, assess
from tests.argo_objects import COMMIT, EXPECTED, OLD, REPO, application, application_set, root

HYDRATOR = {
    "drySource": {"repoURL": REPO, "path": "dry", "targetRevision": "main"},
    "syncSource": {"targetBranch": "env/dev", "path": "a"},
}
HYDRATED = {"repoURL": REPO, "path": "a", "targetRevision": "env/dev"}
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
        ({"commit": OLD}, "was compared at bbbbbbbb"),
        ({"commit": ""}, "has not been compared with Git yet"),
        ({"metadata": {"deletionTimestamp": "2025-01-01T00:00:00Z"}}, "is being deleted"),
        (
            {"spec": {"source": {"repoURL": REPO, "path": "other", "targetRevision": "main"}}},
            "has changed since",
        ),
        ({"source": CHART, "commit": "8.0.0"}, "was compared at chart version 8.0.0"),
    ],
)
def test_not_done(changes: dict[str, Any], said: str) -> None:
    found = reason(**changes)
    assert found
    assert said in found


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"health": "Progressing"}, False),
        ({"commit": ""}, False),  # nothing is known yet
        ({"commit": OLD}, True),
        ({"source": CHART, "commit": "8.0.0"}, True),
        ({"spec": {"destination": {"name": "elsewhere"}}}, True),
    ],
)
def test_a_member_that_was_compared_with_something_else_is_stale(
    changes: dict[str, Any], stale: bool
) -> None:
    found = state(root({"a": 0}), [application("a", **changes)])
    (member,) = found.waves[0].members
    (pending,) = members(found, found.current)
    assert (member.stale, pending.stale) == (stale, stale)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": CHART, "commit": "8.1.0"},
        {"source": HYDRATED, "spec": {"source": None, "sourceHydrator": HYDRATOR}, "commit": OLD},
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


def nested(which: str, members: dict[str, int], **changes: Any) -> Json:
    """An Application that consists of Applications."""
    inner = root(members)["status"]["resources"]
    return application(which, resources=inner, **changes)


def places(found: WaveState) -> dict[str, str]:
    return {member.name: member.place for wave in found.waves for member in wave.members}


def test_an_application_of_applications_brings_its_own_into_its_wave_to_any_depth() -> None:
    top = root({"infra": 10, "web": 20})
    apps = [
        nested("infra", {"db": 2, "more": 5}),
        nested("more", {"deep": -1}),
        *map(application, ("db", "web")),
        application("deep", health="Progressing"),
    ]
    found = state(top, apps)
    assert places(found) == {
        "infra": "10",
        "db": "10/2",
        "more": "10/5",
        "deep": "10/5/-1",
        "web": "20",
    }
    assert found.current is not None
    assert [member.name for member in found.current.front] == ["deep"]
    assert {member.name: member.parent for member in found.waves[0].members}["deep"] == "more"
    assert state(top, [*apps[:-1], application("deep")]).done


def test_a_parent_that_looks_healthy_does_not_hide_a_child_that_is_not() -> None:
    """argo-cd 4669: the parent's health is a memory, too."""
    top = root({"infra": 0})
    for child in ([], [application("db", commit=OLD)], [application("db", phase="Running")]):
        assert not state(top, [nested("infra", {"db": 0}), *child]).done


def test_the_front_is_what_nothing_else_holds_up() -> None:
    top = root({"apis": 60, "infra": 60}, ("apis",))
    apps = [
        application("auth", owner="apis", health="Progressing"),
        nested("infra", {"a": 1, "b": 2}, health="Progressing"),
        application("b", health="Missing"),
        application("a", health="Degraded"),
    ]
    (wave,) = state(top, apps, (application_set("apis", "auth"),)).waves
    assert [member.name for member in wave.front] == ["auth"]
    apps[0] = application("auth", owner="apis")
    (wave,) = state(top, apps, (application_set("apis", "auth"),)).waves
    assert [member.name for member in wave.front] == ["a"]


def test_one_that_contains_itself_is_met_once() -> None:
    top = root({"root": 0, "a": 1})
    assert places(state(top, [nested("a", {"a": 0, "root": 3})])) == {"a": "1"}


def test_a_set_may_make_an_application_of_its_own_name() -> None:
    top, sets = root({"web": 5}, ("web",)), (application_set("web", "web"),)
    found = state(top, [application("web", owner="web", health="Progressing")], sets)
    assert [(member.kind, member.done) for member in found.waves[0].members] == [
        ("ApplicationSet", True),
        ("Application", False),
    ]
    broken = application_set("web", "web", "more")
    found = state(top, [application("web", owner="web", health="Progressing")], (broken,))
    assert [member.kind for member in found.waves[0].front] == ["Application"]
    assert state(top, [application("web", owner="web")], sets).done


def test_the_children_of_a_set_stand_in_their_step() -> None:
    owner = application_set("apis", "auth", "chat", "free")
    owner["status"]["applicationStatus"] = [
        {"application": "auth", "step": "2", "status": "Waiting"},
        {"application": "chat", "step": "1", "status": "Healthy"},
        {"application": "free", "step": "-1"},
    ]
    children = [application(which, owner="apis") for which in ("auth", "chat", "free")]
    found = state(root({"apis": 60}, ("apis",)), children, (owner,))
    assert places(found) == {"apis": "60", "free": "60", "chat": "60 step 1", "auth": "60 step 2"}
    assert [member.name for member in found.waves[0].members] == ["apis", "free", "chat", "auth"]


def test_a_set_may_make_applications_of_applications() -> None:
    owner = application_set("teams", "red")
    red = nested("red", {"red-web": 3})
    red["metadata"]["ownerReferences"] = application("x", owner="teams")["metadata"]["ownerReferences"]
    found = state(root({"teams": 5}, ("teams",)), [red, application("red-web")], (owner,))
    assert places(found) == {"teams": "5", "red": "5", "red-web": "5/3"}
    assert found.done


PLAN = (
    PlannedMember("a", "Application", (0,)),
    PlannedMember("infra", "Application", (10,)),
    PlannedMember("db", "Application", (10, 2), parent="infra"),
    PlannedMember("apis", "ApplicationSet", (60,)),
    PlannedMember("auth", "Application", (60,), owner="apis", step=1),
)


def planned(top: Json, apps: list[Json], sets: tuple[Json, ...] = ()) -> WaveState:
    return assess(top, [*apps, top], sets, EXPECTED, plan=PLAN)


def test_the_plan_shows_what_is_below_things_that_are_not_created_yet() -> None:
    found = planned(root({"a": 0, "infra": 10, "apis": 60}, ("apis",)), [application("a")])
    assert places(found) == {"a": "0", "infra": "10", "db": "10/2", "apis": "60", "auth": "60 step 1"}
    missing = [member for wave in found.waves[1:] for member in wave.members]
    assert {member.reason for member in missing} == {"is not created yet"}
    assert (found.absent, found.unplanned) == ((), ())


def test_where_argo_cd_lists_its_word_counts_and_differences_are_told() -> None:
    apps = [application("a"), nested("infra", {"cache": 1}), application("cache")]
    found = planned(root({"a": 0, "infra": 10}), apps)
    assert places(found) == {"a": "0", "infra": "10", "cache": "10/1"}
    assert found.done
    assert found.absent == ("apis", "db")
    assert found.unplanned == ("cache",)


def test_what_a_set_has_made_is_compared_with_the_plan() -> None:
    owner = application_set("apis", "chat")
    top = root({"a": 0, "infra": 10, "apis": 60}, ("apis",))
    apps = [
        application("a"),
        nested("infra", {"db": 2}),
        application("db"),
        application("chat", owner="apis"),
    ]
    found = planned(top, apps, (owner,))
    assert found.done
    assert (found.absent, found.unplanned) == (("auth",), ("chat",))
    unborn = planned(top, apps[:-1], (owner,))  # it has said what it makes, and makes it
    assert (unborn.absent, unborn.unplanned) == ((), ())


def test_below_one_that_was_compared_with_something_old_both_are_waited_for() -> None:
    top = root({"a": 0, "infra": 10, "apis": 60}, ("apis",))
    found = planned(top, [application("a"), nested("infra", {"cache": 1}, commit=OLD), application("cache")])
    assert {"db": "10/2", "cache": "10/1"}.items() <= places(found).items()
    assert found.unplanned == ()


def test_only_what_changed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    plain = waves.facts

    def counted(item: Json, expected: Expected) -> AppFacts:
        read.append(name(item))
        return plain(item, expected)

    monkeypatch.setattr(waves, "facts", counted)
    top, memory = root({"a": 0, "b": 0}), Memory()
    apps = [application("a"), application("b", health="Progressing")]
    for _ in range(3):
        found = assess(top, apps, [], EXPECTED, memory=memory)
    assert [member.name for wave in found.waves for member in wave.pending] == ["b"]
    assert read.count("a") == read.count("b") == 1
    apps[1] = application("b")
    assert assess(top, apps, [], EXPECTED, memory=memory).done
    assert (read.count("a"), read.count("b")) == (1, 2)
    assert not assess(top, apps[:1], [], EXPECTED, memory=memory).done


TREES: st.SearchStrategy[dict[int, Any]] = st.recursive(
    st.just({}), lambda below: st.dictionaries(st.integers(-3, 9), below, max_size=4), max_leaves=12
)


@given(TREES, st.data())
def test_a_tree_is_done_exactly_when_each_of_its_applications_is(tree: dict[int, Any], data: Any) -> None:
    apps: list[Json] = []
    bad: list[str] = []

    def grow(path: str, below: dict[int, Any], top: bool = False) -> Json:
        members = {}
        for wave, deeper in below.items():
            child = f"{path}-{wave}"
            members[child] = wave
            if (item := grow(child, deeper)) is not None:
                apps.append(item)
        if top:
            return root(members)
        change = data.draw(STATES.filter(lambda found: found is not None))
        if change:
            bad.append(path)
        return nested(path, members, **change)

    found = state(grow("r", tree, top=True), apps)
    assert found.done == (not bad)
    seen = [member for wave in found.waves for member in wave.members]
    assert sorted(member.name for member in seen) == sorted(name(item) for item in apps)
    assert {member.name for member in seen if not member.done} == set(bad)
    for wave in found.waves:
        assert bool(wave.front) == (not wave.done)
        assert set(wave.front) <= set(wave.pending)


def test_what_is_no_longer_in_git_is_no_member_but_the_root_is_not_done_before_it_is_gone() -> None:
    top = root({"a": 0, "gone": 0}, sync="OutOfSync")
    top["status"]["resources"][1]["requiresPruning"] = True
    found = state(top, [application("a"), application("gone", health="Degraded")])
    assert [member.name for wave in found.waves for member in wave.members] == ["a"]
    assert found.current is None
    assert not found.done
