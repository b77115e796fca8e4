"""Verdicts → lines: one block a cause, in one order, with the runbook's hints."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.diagnosis.model import Outlook, Verdict
from bootstrap.diagnosis.words import groups, lines

STORE = Verdict(
    cause="store-not-ready",
    outlook=Outlook.BLOCKED,
    app="auth",
    wave=11,
    chain=("Application auth", "ExternalSecret auth/db", "ClusterSecretStore aws-ssm"),
    reason="no credentials",
    command="kubectl describe clustersecretstore aws-ssm",
)
SAME = replace(
    STORE, app="my", chain=("Application my", "ExternalSecret my/db", "ClusterSecretStore aws-ssm")
)
CRASH = Verdict(
    cause="crash-loop",
    outlook=Outlook.BLOCKED,
    app="web",
    wave=60,
    chain=("Application web", "Deployment web/web", "Pod web/web-x"),
    reason="exit code 1",
    command="kubectl logs web-x --previous",
)
SLOW = Verdict(
    "slow", Outlook.SLOW, "late", 11, ("Application late",), "Synced, Progressing", "bootstrap status"
)
ALL = (STORE, SAME, CRASH, SLOW)


def test_one_cause_of_several_applications_is_told_once() -> None:
    assert lines(ALL, {11: "look at secrets first", 99: "not asked"}) == [
        "wave 11: auth and my: blocked by a secret store that is not ready (store-not-ready)",
        "  Application auth → ExternalSecret auth/db → ClusterSecretStore aws-ssm",
        "  says: no credentials",
        "  next: kubectl describe clustersecretstore aws-ssm",
        "wave 60: web: blocked by a container that keeps crashing (crash-loop)",
        "  Application web → Deployment web/web → Pod web/web-x",
        "  says: exit code 1",
        "  next: kubectl logs web-x --previous",
        "wave 11: late: in progress",
        "  Application late",
        "  says: Synced, Progressing",
        "runbook of wave 11: look at secrets first",
    ]


@given(st.permutations(ALL))
def test_the_order_is_always_the_same(mixed: list[Verdict]) -> None:
    assert lines(mixed, {}) == lines(ALL, {})


def test_unknown_and_slow_are_told_one_by_one() -> None:
    unknown = replace(STORE, cause="unknown", chain=("Application auth", "X"))
    assert len(groups([unknown, replace(unknown, app="my")])) == 2
    showing = replace(SLOW, chain=("Application late", "Deployment x"))
    assert len(groups([showing, replace(showing, app="other")])) == 2


def test_slow_members_that_wait_for_the_same_are_told_once() -> None:
    assert len(groups([SLOW, replace(SLOW, app="other", chain=("Application other",))])) == 1
    assert len(groups([SLOW, replace(SLOW, app="other", reason="is not created yet")])) == 2


def test_many_applications_are_counted() -> None:
    many = [replace(STORE, app=f"a{number:02}") for number in range(40)]
    assert lines(many, {})[0].startswith("wave 11: a00, a01, a02, a03, a04, a05 and 34 more: blocked by")


def test_the_root_has_no_wave() -> None:
    assert lines([replace(CRASH, app="root", wave=None)], {})[0].startswith("root: blocked by")
    assert lines([], {1: "hint"}) == []
