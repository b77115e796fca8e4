"""A drill begins with nothing, so that what it removes at its end is its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap import plan, targets
from bootstrap.aws import environments
from bootstrap.aws.api import Api
from bootstrap.commands import drill
from bootstrap.commands.execute import RunResult
from bootstrap.commands.options import DrillOptions
from bootstrap.config.model import Environment, Generate, Seed, Teardown
from bootstrap.core.errors import PreflightError
from bootstrap.drill import ledger
from bootstrap.drill.model import DrillResult
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.render.view import RunView, StepView
from bootstrap.steps import backend, vacancy
from bootstrap.targets.base import Phases
from tests.aws_context import World, client, environment, world
from tests.aws_resources import OURS, THEIRS, make_all, pairs, spec

STATE = b'{"version": 4, "resources": [{"instances": [{"attributes": {"id": "vpc-1"}}]}]}'


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        yield


def here(home: Path, **changes: Any) -> World:
    return world(environment(home, **changes))


def put_state(made: World, content: bytes) -> None:
    backend.run(made.context)
    found = backend.find(made.context)
    assert found is not None
    client("s3").put_object(Bucket=found.bucket, Key=found.key, Body=content)


def test_what_down_leaves_is_no_environment(tmp_path: Path) -> None:
    made = here(
        tmp_path, seeds=(Seed("db/password", generate=Generate()),), teardown=Teardown(secrets="keep")
    )
    put_state(made, b'{"version": 4, "resources": []}')
    config = made.context.config
    environments.write(
        Api(client("ssm")), config, environments.Record("eco2", "dev", config.region, "/eco2/dev")
    )
    client("ssm").put_parameter(Name="/eco2/dev/db/password", Value="x", Type="String", Tags=pairs(OURS))
    make_all(client, THEIRS, "prod")
    assert vacancy.run(made.context).changed is False


@pytest.mark.parametrize("what", ["vpc", "volume", "state", "secret"])
def test_a_living_environment_is_refused_and_named(tmp_path: Path, what: str) -> None:
    made = here(tmp_path, seeds=(Seed("db/password", generate=Generate()),))
    backend.run(made.context)
    named = "Terraform's state knows 1 resources"
    if what == "vpc":
        named = client("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", OURS))["Vpc"]["VpcId"]
    elif what == "volume":
        tags = {"bootstrap:ssm-prefix": "/eco2/dev"}
        named = client("ec2").create_volume(
            AvailabilityZone="ap-northeast-2a", Size=1, **spec("volume", tags)
        )["VolumeId"]
    elif what == "state":
        put_state(made, STATE)
    else:
        named = "/eco2/dev/db/password"
        client("ssm").put_parameter(Name=named, Value="x", Type="String", Tags=pairs(OURS))
    with pytest.raises(PreflightError) as refused:
        vacancy.run(made.context)
    assert named in str(refused.value)
    assert "bootstrap down --environment dev" in refused.value.problems[0].cure


def test_it_is_looked_at_under_the_lock_and_before_anything_is_written(tmp_path: Path) -> None:
    needs = {step.name: step.needs for step in plan.build_drill(environment(tmp_path), Phases()).steps}
    assert needs["vacancy"] == ("lock",)
    assert needs["lifetime"] == ("vacancy",)
    assert "vacancy" not in {step.name for step in plan.build_up(environment(tmp_path), Phases()).steps}


# -- the command ---------------------------------------------------------------------------------------


def drilled(monkeypatch: pytest.MonkeyPatch, made: World, view: RunView, code: int) -> list[str]:
    """The commands of a drill whose `up` ended like that."""
    ran: list[str] = []

    def perform(which: Any, *_: Any) -> RunResult:
        ran.append(which.command)
        return RunResult(code if which.command == "drill" else 0, view)

    monkeypatch.setattr(drill, "load", lambda *_: made.context.config)
    monkeypatch.setattr(targets, "open_run", lambda _: (made.context.target, Phases()))
    monkeypatch.setattr(drill, "perform", perform)
    monkeypatch.setattr(drill, "_result", lambda *_: DONE)
    drill.run(DrillOptions(yes=True))
    return ran


DONE = DrillResult("r", "dev", "aws", "2026-01-01T00:00:00Z", None, None, 3, None)


@pytest.mark.parametrize("state", ["", "pending", "running", "failed", "stopped"])
def test_what_the_drill_has_not_taken_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Refused by preflight, by lint, by another run's lock, or since it was not empty."""
    steps = {"vacancy": StepView("vacancy", "", state=state)} if state else {}
    assert drilled(monkeypatch, here(tmp_path), RunView(steps=steps), 3) == ["drill"]


@pytest.mark.parametrize("state", ["done", "satisfied"])
def test_what_it_has_made_is_removed_whatever_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    view = RunView(steps={"vacancy": StepView("vacancy", "", state=state)})
    assert drilled(monkeypatch, here(tmp_path), view, 4) == ["drill", "down"]


def test_where_nothing_can_be_even_what_prepares_the_target_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = here(tmp_path)
    target = replace(made.context.target, exists=lambda: False)
    fresh = World(replace(made.context, target=target))
    assert drilled(monkeypatch, fresh, RunView(), 9) == ["drill", "down"]


def test_a_living_environment_is_refused_before_its_target_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = here(tmp_path)
    client("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", OURS))
    with pytest.raises(PreflightError, match="is not empty"):
        drilled(monkeypatch, made, RunView(), 0)
    config: Environment = made.context.config
    assert not ledger.folder_of(config).exists(), "no result is told"
