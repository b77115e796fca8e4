"""The users' own checks: run with the cluster at hand, all of them, and told without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.config.model import Drill, Smoke
from bootstrap.core.errors import Interrupted
from bootstrap.run.emitter import Emitter
from bootstrap.run.events import Event, SmokeChecked, Stamped
from bootstrap.steps import smoke
from tests.aws_context import World, environment, world


def here(home: Path, *checks: Smoke) -> World:
    return world(environment(home, drill=Drill(smoke=checks)))


def test_without_checks_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert smoke.run(here(tmp_path).context).summary == "0 smoke checks passed"


def test_checks_see_the_cluster_and_run_where_the_configuration_lies(tmp_path: Path) -> None:
    told = here(
        tmp_path, Smoke("where", 'printf "%s\\n" "$PWD" "$KUBECONFIG" "$BOOTSTRAP_ENVIRONMENT" > seen')
    )
    smoke.run(told.context)
    config = told.context.config
    assert (tmp_path / "seen").read_text().splitlines() == [str(tmp_path), str(config.kubeconfig), "dev"]
    (event,) = told.of(SmokeChecked)
    assert (event.name, event.passed, event.output) == ("where", True, "")


def test_every_check_is_made_and_every_failure_named(tmp_path: Path) -> None:
    told = here(tmp_path, Smoke("a", "echo no such host; exit 3"), Smoke("b", "true"), Smoke("c", "false"))
    with pytest.raises(smoke.SmokeError) as failed:
        smoke.run(told.context)
    assert [problem.where for problem in failed.value.problems] == ["smoke check a", "smoke check c"]
    assert "no such host (exit 3)" in str(failed.value)
    assert [event.passed for event in told.of(SmokeChecked)] == [False, True, False]


def test_a_check_that_does_not_end_is_ended(tmp_path: Path) -> None:
    told = here(tmp_path, Smoke("slow", "exec tail -f /dev/null", timeout=0.05))
    with pytest.raises(smoke.SmokeError, match="no end within"):
        smoke.run(told.context)


def test_an_interrupt_is_heeded_between_checks(tmp_path: Path) -> None:
    told = here(tmp_path, Smoke("a", "true"))
    told.context.cancel.set()
    with pytest.raises(Interrupted):
        smoke.run(told.context)


def test_what_a_check_prints_is_told_without_secrets(tmp_path: Path) -> None:
    told = here(tmp_path, Smoke("leak", "echo canary-90c1d7; exit 1"))
    told.context.secrets.add("canary-90c1d7")
    heard: list[Event] = []

    def listen(stamped: Stamped) -> None:
        heard.append(stamped.event)

    emit = Emitter(told.context.clock, told.context.secrets, (listen,))
    with pytest.raises(smoke.SmokeError):
        smoke.run(World(told.context.__class__(**{**told.context.__dict__, "emit": emit})).context)
    assert heard
    assert "canary" not in str(heard)
