"""`bootstrap rotate` as users type it, on moto: refusals, consent, the run, and who tells what is due."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from bootstrap import cli, preview, targets
from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.environments import Record, write
from bootstrap.aws.secret_age import MADE
from bootstrap.checks import doctor
from bootstrap.commands.options import RotateOptions
from bootstrap.config.load import load
from bootstrap.core.errors import PermanentError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.run.target import Target
from bootstrap.status.collect import collect
from bootstrap.status.render import render
from bootstrap.steps import access, backend, lock
from bootstrap.steps.rotate import ROTATING
from bootstrap.targets.base import Phases
from tests.aws_context import REGION, client, new_client, world
from tests.unit.cli.fake_product import lay_out

SEEDS = """
      - {name: db/password, generate: {rotate_after: 90d}}
      - {name: db/url, template: "x:{seed:db/password}"}
      - {name: given, from_env: BOOTSTRAP_TEST_TOKEN}
"""
NAME = "/eco2/dev/db/password"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        key = client("kms").create_key()["KeyMetadata"]["Arn"]
        for name, value in (("db/password", "canary-old-value"), ("db/url", "x:canary-old-value")):
            ssm.create(Api(client("ssm")), f"/eco2/dev/{name}", value, key, {MADE: "2020-01-01T00:00:00Z"})
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "p", SEEDS)


@pytest.fixture
def target(config: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """An AWS without a cluster."""
    made = world(load(config, "dev", values=False)).context.target
    monkeypatch.setattr(targets, "open_run", lambda *_: (made, Phases()))
    monkeypatch.setattr(access, "existing", lambda _: None)
    return made


@pytest.fixture
def run(config: Path, target: Target) -> Callable[..., int]:
    return lambda *words: cli.call(["--config", str(config), "rotate", "-e", "dev", *words])


def value() -> str:
    return str(client("ssm").get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "not clear"),
        (("--all", "--due"), "not clear"),
        (("db/password", "--all"), "not clear"),
        (("db/passwort",), "did you mean 'db/password'?"),
        (("given",), "given is not generated: change its environment"),
        (("db/url",), "db/url is not generated: change its template"),
        (("db/password",), "not confirmed"),
    ],
)
def test_what_cannot_be_rotated_is_refused(
    run: Callable[..., int], words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err
    assert value() == "canary-old-value"


@pytest.mark.parametrize("which", ["db/password", NAME, "--all", "--due"])
def test_a_run_rotates_reports_and_shows_no_value(
    run: Callable[..., int], which: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(which, "--yes", "--output", "json") == 0
    told = capsys.readouterr()
    new = value()
    assert new != "canary-old-value"
    lines = [json.loads(line) for line in told.out.splitlines()]
    finished = [line["step"] for line in lines if line["type"] == "step_finished"]
    assert finished == ["lock", "renew", "follow", "users", "settle"]
    kept = "".join(path.read_text() for path in (config.parent / ".bootstrap").rglob("*") if path.is_file())
    for secret in (new, "canary-old-value"):
        assert secret not in told.out + told.err + kept
    if which == "--due":
        assert run("--due", "--yes") == 0
        assert value() == new


def test_it_waits_for_the_run_lock(
    run: Callable[..., int], config: Path, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + "    run_lock: {wait: 0}\n")
    other = world(load(config, "dev", values=False)).context
    backend.run(other)
    held = lock.run(other)
    try:
        assert run("--all", "--yes") == 6
    finally:
        assert isinstance(held.result, lock.LeaseRenewal)
        held.result.close()
    assert value() == "canary-old-value"


def test_a_run_that_failed_is_told_how_to_go_on_and_does(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> Any:
        raise PermanentError("the cluster is not well")

    with monkeypatch.context() as patch:
        patch.setattr(access, "existing", broken)
        assert run("db/password", "--yes", "--restart") == 5
    new = value()
    assert "rotate --environment dev db/password --restart" in capsys.readouterr().err
    assert ssm.names(Api(client("ssm")), "/eco2/dev", ROTATING)
    assert run("db/password", "--yes") == 0
    assert value() == new
    assert not ssm.names(Api(client("ssm")), "/eco2/dev", ROTATING)


def test_the_command_that_goes_on_is_the_one_that_was_typed() -> None:
    options = RotateOptions(names=("a b", "c"), restart=True)
    assert options.command("rotate") == "bootstrap rotate 'a b' c --restart"
    assert options.command("up") == "bootstrap up"


def test_status_plan_and_doctor_tell_what_is_due_and_when_it_ends(config: Path, target: Target) -> None:
    environment = load(config, "dev", values=False)
    record = Record("eco2", "dev", REGION, "/eco2/dev", expires_at="2031-01-01T00:00:00Z")
    write(Api(client("ssm")), environment, record)
    seen = collect(environment, target)
    (due,) = seen.due
    assert due.startswith("db/password is ")
    assert seen.expires_at == record.expires_at
    shown = render(seen)
    assert "expires at 2031-01-01T00:00:00Z" in shown
    assert "bootstrap rotate --due" in shown
    assert any(
        "bootstrap rotate db/password" in notice
        for notice in preview.collect(environment, target, Phases()).notices
    )
    (check,) = (
        one
        for one in doctor.run_checks(environment, target.shown.probes, target.client)
        if one.name == "secrets"
    )
    assert check.ok
    assert "db/password" in check.detail


def test_status_does_without_an_aws_that_answers(config: Path, target: Target) -> None:
    def refused(_: str) -> Any:
        made = new_client("ssm")

        def refuse(**_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

        made.meta.events.register("before-call.ssm", refuse)
        return made

    seen = collect(load(config, "dev", values=False), replace(target, client=refused))
    assert (seen.due, seen.expires_at) == ((), "")
