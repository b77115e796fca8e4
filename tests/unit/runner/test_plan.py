"""The plans: an order that works, what waits for what, and the deadlines that a configuration gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import plan
from bootstrap.aws.environments import Record
from bootstrap.config.model import KEEP, Archive, Environment, Teardown
from bootstrap.config.steps import STEPS
from bootstrap.run.step import Done, Plan, Step, chain
from bootstrap.steps.restore import RestoreRequest
from bootstrap.steps.rotate import Rotation
from bootstrap.targets import open_run
from bootstrap.targets.base import Phases
from tests.fakes import environment

GIVEN = 7.5  # seconds; no step's own deadline
EXPIRED = (Record("eco2", "a", "ap-northeast-2", "/eco2/a"), Record("eco2", "b", "ap-northeast-2", "/eco2/b"))


def plans(config: Environment, phases: Phases) -> Iterator[Plan]:
    """Every plan that there is."""
    yield plan.build_up(config, phases)
    yield plan.build_drill(config, phases)
    yield plan.build_restore(config, phases, RestoreRequest("latest"))
    yield plan.build_backup(config, phases)
    yield plan.build_rotate(config, phases, Rotation())
    yield plan.build_reap(config, phases, EXPIRED)
    yield plan.build_down(config, phases, exists=True)
    yield plan.build_down(config, phases, exists=False)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Environment, Phases]:
    """An environment and a target in whose plans every step occurs."""
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    config = replace(
        environment(tmp_path),
        target="local",
        archive=Archive("archive"),
        teardown=Teardown(secrets=KEEP),
        deadlines=dict.fromkeys(STEPS, GIVEN),
    )
    return config, open_run(config, ("rbac-denied",))[1]


def test_every_name_that_a_configuration_may_give_is_a_step_and_takes_effect(
    full: tuple[Environment, Phases],
) -> None:
    titles = {record.title for record in EXPIRED}
    steps = [step for each in plans(*full) for step in each.steps if step.name not in titles]
    assert {step.name for step in steps} == set(STEPS)
    assert {step.name: step.deadline for step in steps} == dict.fromkeys(STEPS, GIVEN)


def test_steps_stand_behind_what_they_need(full: tuple[Environment, Phases]) -> None:
    for each in (*plans(*full), *plans(replace(full[0], archive=None, teardown=Teardown()), Phases())):
        seen: set[str] = set()
        for step in each.steps:
            assert seen.issuperset(step.needs), f"{each.command}: {step.name} stands before what it needs"
            assert step.name not in seen
            seen.add(step.name)


def waits(steps: tuple[Step, ...], name: str) -> set[str]:
    """Everything that has to be done before."""
    needs = {step.name: step.needs for step in steps}
    return set(needs[name]).union(*(waits(steps, need) for need in needs[name]))


def test_a_restore_is_an_up_with_steps_in_between(full: tuple[Environment, Phases]) -> None:
    up = plan.build_up(*full).steps
    restore = plan.build_restore(*full, RestoreRequest("latest")).steps
    more = {step.name for step in restore} - {step.name for step in up}
    assert more == {f"restore-{what}" for what in ("check", "order", "source", "tidy", "verify")}
    for step in up:
        assert waits(restore, step.name) - more == waits(up, step.name)
    needs = {step.name: set(step.needs) for step in restore}
    assert needs["restore-check"] == {"preflight", "lint"}
    assert needs["restore-order"] == {"lifetime"}
    assert needs["restore-source"] == {"terraform", "restore-order"}
    for name, awaited in (
        ("backend", "restore-check"),
        ("terraform", "restore-order"),
        ("access", "restore-source"),
        ("nodes", "restore-tidy"),
        ("eso", "restore-tidy"),
        ("argocd", "restore-tidy"),
        ("restore-verify", "verify"),
    ):
        assert awaited in needs[name]


def test_nothing_is_made_before_the_target_is_ready(full: tuple[Environment, Phases]) -> None:
    up = plan.build_up(*full).steps
    assert waits(up, "preflight") == {"checks", "toolchain", "tree", "platform"}, "faults go by the tree"
    assert waits(up, "lint") == {"checks", "toolchain", "tree"}, "it is through before the platform is up"
    down = plan.build_down(*full, exists=True).steps
    assert "platform" in waits(down, "lock")
    assert waits(down, "dispose") == {step.name for step in down} - {"dispose"}


def test_where_nothing_exists_only_the_target_is_disposed_of(full: tuple[Environment, Phases]) -> None:
    assert [step.name for step in plan.build_down(*full, exists=False).steps] == ["dispose"]


def test_expired_environments_go_one_after_the_other(full: tuple[Environment, Phases]) -> None:
    reap = plan.build_reap(*full, EXPIRED).steps
    first, second = (record.title for record in EXPIRED)
    assert waits(reap, first) == {"platform"}
    assert waits(reap, second) == {"platform", first}
    assert waits(reap, "outcome") == {"platform", first, second}


def test_a_chain_leaves_needs_that_are_named_alone() -> None:
    def step(name: str, *needs: str) -> Step:
        return Step(name, name, lambda _: Done(), needs)

    steps = chain((step("a"), step("b")), (), (step("c"), step("d", "a")), (step("e"),))
    assert {each.name: each.needs for each in steps} == {
        "a": (),
        "b": (),
        "c": ("a", "b"),
        "d": ("a",),
        "e": ("a", "b", "c", "d"),
    }
