"""Expiry is written before anything is made; what has expired goes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws import environments, run_lock, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.environments import Lifetime, Record, stamp
from bootstrap.aws.inventory import Found
from bootstrap.config.model import KEEP, Generate, Seed, Teardown
from bootstrap.core.errors import LockedError, StuckError
from bootstrap.core.machine import Place
from bootstrap.local.aws.patches import (
    bucket_policies,
    dependencies,
    load_balancers,
    nat_gateways,
    termination,
)
from bootstrap.run.events import ResourceKept
from bootstrap.steps import keep, leftovers, lifetime, reap
from bootstrap.steps.backend import STATE_KEY
from bootstrap.steps.lock import SUFFIX
from tests.aws_context import ACCOUNT, REGION, World, client, environment, world
from tests.aws_resources import OURS, THEIRS, make_all, pairs

SEEDS = (Seed("database/password", generate=Generate()),)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (bucket_policies, load_balancers, dependencies, nat_gateways, termination):
        module.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        yield


def here(home: Path, **changes: Any) -> World:
    return world(environment(home, seeds=SEEDS, **changes))


def record(**changes: Any) -> Record:
    fields = {"prefix": "/eco2/dev", "domain": "dev.example.com", "seeds": ("database/password",)}
    return Record("eco2", "dev", REGION, **{**fields, **changes})


def left(whose: Record) -> list[Found]:
    return list(audit(lambda service: Api(client(service)), whose.owner))


def test_the_first_run_writes_the_record_and_later_ones_keep_its_expiry(tmp_path: Path) -> None:
    first = here(tmp_path, ttl="8h")
    done = lifetime.run(first.context)
    assert done.changed
    assert isinstance(done.result, Lifetime)
    expiry = done.result.record.expires_at
    assert expiry == stamp(first.context.clock.now() + 8 * 3600)
    later = replace(first.context, ttl="")
    assert not lifetime.run(later).changed
    renewed = lifetime.run(replace(first.context, ttl="9h")).result
    assert isinstance(renewed, Lifetime)
    assert renewed.record.expires_at == stamp(first.context.clock.now() + 9 * 3600)
    assert renewed.record.created_at == done.result.record.created_at


def test_down_removes_the_record_last(tmp_path: Path) -> None:
    there = here(tmp_path)
    lifetime.run(there.context)
    assert [found.title for found in environments.find(there_connect(there), REGION)] == ["eco2/dev"]
    leftovers.run(there.context)
    assert environments.find(there_connect(there), REGION) == ()


def there_connect(there: World) -> Any:
    return cache(lambda service: Api(there.context.target.client(service)))


def test_everything_of_an_expired_environment_goes_and_the_neighbour_stays(tmp_path: Path) -> None:
    neighbour = Record("eco2", "prod", REGION, "/eco2/prod", "prod.example.com")
    make_all(client, THEIRS, "prod")
    before = left(neighbour)
    make_all(client, OURS, "dev")
    environments.write(Api(client("ssm")), environment(tmp_path), record(expires_at=stamp(1)))
    reap.run(here(tmp_path).context, record())
    assert left(record()) == []
    assert left(neighbour) == before


def test_what_the_environments_policy_keeps_stays_readable(tmp_path: Path) -> None:
    made = make_all(client, OURS, "dev")
    name = "/eco2/dev/database/password"
    client("ssm").put_parameter(
        Name=name, Value="canary", Type="SecureString", KeyId=made["kms key"], Tags=pairs(OURS)
    )
    there = here(tmp_path)
    reap.run(there.context, record(keep=("secrets",)))
    assert [found.resource.id for found in left(record())] == [name]
    (found,) = client("ssm").describe_parameters()["Parameters"]
    assert found["KeyId"] == keep.ACCOUNT_KEY
    assert [event.reason for event in there.of(ResourceKept)] == ["teardown.secrets is keep"]


def test_one_that_a_run_holds_is_left_alone(tmp_path: Path) -> None:
    there = here(tmp_path)
    name = state_bucket.bucket_name("eco2", "dev", ACCOUNT)
    s3 = Api(client("s3"))
    state_bucket.ensure(s3, name, ACCOUNT, REGION, there.context.config.tags)
    now = there.context.clock.now()
    place = Place("elsewhere", "m", "b", "n")
    holder = run_lock.Holder("i", "someone", place, 1, "x", "bootstrap up", "r", now, now, now + 900)
    run_lock.take(run_lock.Where(s3, name, STATE_KEY + SUFFIX), holder, now=now, started=lambda _: None)
    volume = make_all(client, OURS, "dev")["ec2 volume"]
    with pytest.raises(LockedError, match="someone on elsewhere"):
        reap.run(there.context, record())
    assert client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]


def test_the_record_tells_what_down_would_keep(tmp_path: Path) -> None:
    config = environment(tmp_path, seeds=SEEDS, teardown=Teardown(secrets=KEEP))
    told = lifetime.wanted(config, None, 0.0)
    assert told.keep == ("secrets", "backups", "zones")
    assert told.seeds == ("database/password",)
    assert told.expires_at == ""


def test_one_that_is_claimed_twice_is_left_alone(tmp_path: Path) -> None:
    """The second record lies where it sorts later, has expired, and keeps nothing."""
    made, api = make_all(client, OURS, "dev"), Api(client("ssm"))
    living = record(expires_at="", keep=("backups",))
    environments.write(api, environment(tmp_path), living)
    forged = record(prefix="/zzz", expires_at=stamp(1))
    environments.write(api, environment(tmp_path, ssm_prefix="/zzz"), forged)
    before = left(living)
    for claim in (forged, living):
        with pytest.raises(StuckError, match="it is claimed below /eco2/dev and /zzz") as refused:
            reap.run(here(tmp_path).context, claim)
        assert "describe-parameters" in refused.value.cure
    assert left(living) == before
    assert client("ec2").describe_volumes(VolumeIds=[made["ec2 volume"]])["Volumes"]
