"""Seeding on moto: only differences, tags and key, throttling, and no value in any event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from bootstrap.config.model import Generate, Seed
from bootstrap.config.parameters import LARGEST_FILE
from bootstrap.config.seeds import SeedsError
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.run.events import StepProgress
from bootstrap.steps import seeds
from bootstrap.steps.terraform import Outputs
from tests.aws_context import World, client, environment, new_client, world

MANY = tuple(Seed(f"database/d{number}/password", generate=Generate()) for number in range(60))
TOKEN = Seed("api/token", from_env="BOOTSTRAP_TEST_TOKEN")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BOOTSTRAP_TEST_TOKEN", "canary-token")
    with mock_aws():
        yield


def ready(home: Path, *wanted: Seed, **options: Any) -> World:
    here = world(environment(home, seeds=wanted), **options)
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    here.context.results.put(Outputs({"kms_key_arn": key, "domain": "dev.example.com"}))
    return here


def stored() -> dict[str, str]:
    pages = (
        client("ssm")
        .get_paginator("get_parameters_by_path")
        .paginate(Path="/eco2/dev", Recursive=True, WithDecryption=True)
    )
    return {item["Name"]: item["Value"] for page in pages for item in page["Parameters"]}


def test_all_are_written_once_and_a_second_run_writes_nothing(tmp_path: Path) -> None:
    here = ready(tmp_path, *MANY, TOKEN)
    assert seeds.run(here.context).summary == "61 written, 0 unchanged"
    before = stored()
    assert len(before) == 61
    assert len(set(before.values())) == 61
    again = seeds.run(here.context)
    assert again.summary == "0 written, 61 unchanged"
    assert not again.changed
    assert stored() == before
    (one, *_) = client("ssm").get_parameter_history(Name="/eco2/dev/api/token")["Parameters"]
    assert one["Version"] == 1


def test_a_supplied_value_that_changed_is_updated_and_a_generated_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ready(tmp_path, MANY[0], TOKEN)
    seeds.run(here.context)
    before = stored()
    monkeypatch.setenv("BOOTSTRAP_TEST_TOKEN", "canary-other")
    assert seeds.run(here.context).summary == "1 written, 1 unchanged"
    assert stored() == {**before, "/eco2/dev/api/token": "canary-other"}


def test_no_event_or_error_shows_a_value_and_all_are_blacked_out(tmp_path: Path) -> None:
    here = ready(tmp_path, *MANY, TOKEN)
    done = seeds.run(here.context)
    shown = f"{here.events}{done}"
    for value in stored().values():
        assert value not in shown
        assert value not in here.context.secrets.redact(f"oops {value}")
    assert here.context.secrets.redact("dev.example.com") == "dev.example.com"


def test_a_missing_source_stops_everything_before_the_first_write(tmp_path: Path) -> None:
    missing = (Seed("x", from_env="BOOTSTRAP_TEST_NOT_SET"), Seed("y", from_file=tmp_path / "nowhere"))
    with pytest.raises(SeedsError) as refused:
        seeds.run(ready(tmp_path, MANY[0], *missing).context)
    assert len(refused.value.problems) == 2
    assert stored() == {}


def test_without_a_key_nothing_is_written(tmp_path: Path) -> None:
    here = ready(tmp_path, TOKEN)
    here.context.results.put(Outputs({}))
    with pytest.raises(PermanentError, match="kms_key_arn"):
        seeds.run(here.context)
    assert stored() == {}


def throttling(clock: FakeClock, rate: float) -> Any:
    """An SSM that takes `rate` writes a second by the fake clock."""
    made = new_client("ssm")
    last = [float("-inf")]

    def limit(**_: Any) -> None:
        if clock.monotonic() - last[0] < 1 / rate:
            code = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
            raise ClientError(code, "PutParameter")
        last[0] = clock.monotonic()

    made.meta.events.register("before-call.ssm.PutParameter", limit)
    return made


def test_throttled_it_slows_down_says_so_and_gets_done(tmp_path: Path) -> None:
    clock = FakeClock()
    slow = throttling(clock, rate=3)
    here = ready(tmp_path, *MANY, clock=clock, client=lambda _: slow)
    assert seeds.run(here.context).summary == "60 written, 0 unchanged"
    assert len(stored()) == 60
    assert 20 <= clock.monotonic() <= 90
    assert any("of 60 parameters" in event.message for event in here.of(StepProgress))


def test_without_throttling_nothing_waits(tmp_path: Path) -> None:
    clock = FakeClock()
    seeds.run(ready(tmp_path, *MANY, clock=clock).context)
    assert clock.monotonic() == 0


def test_a_parameter_made_meanwhile_is_looked_at_again(tmp_path: Path) -> None:
    """Between our look and our write somebody else generated a password: theirs is kept."""
    racing = new_client("ssm")

    def meanwhile(**_: Any) -> None:
        client("ssm").put_parameter(
            Name="/eco2/dev/database/d0/password", Value="theirs", Type="SecureString", Overwrite=True
        )

    racing.meta.events.register_first("before-call.ssm.PutParameter", meanwhile)
    here = ready(tmp_path, MANY[0], client=lambda _: racing)
    with pytest.raises(TemporaryError, match="somebody else"):
        seeds.run(here.context)
    assert seeds.run(here.context).summary == "0 written, 1 unchanged"
    assert stored() == {"/eco2/dev/database/d0/password": "theirs"}


def test_a_preview_before_anything_exists_names_everything_and_shows_nothing(tmp_path: Path) -> None:
    here = ready(tmp_path, MANY[0], TOKEN)
    planned = seeds.seeds_preview(here.context)
    assert [(seed.action, seed.name, seed.source) for seed in planned] == [
        ("create", "/eco2/dev/database/d0/password", "generate"),
        ("create", "/eco2/dev/api/token", "environment"),
    ]
    assert "canary-token" not in repr(planned)
    assert stored() == {}


def test_a_file_that_has_grown_since_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * (LARGEST_FILE + 1))
    here = ready(tmp_path, Seed("a", from_file=tmp_path / "big.txt"), TOKEN)
    with pytest.raises(SeedsError) as refused:
        seeds.run(here.context)
    assert str(LARGEST_FILE) in refused.value.problems[0].what
    assert stored() == {}
