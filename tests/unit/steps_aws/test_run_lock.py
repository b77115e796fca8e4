"""The run lock: one holder, named; taken over by proof or by the user's word; a loser learns of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws import run_lock
from bootstrap.aws.api import Api
from bootstrap.aws.run_lock import Holder, RunLocked, Seen, Where, Written
from bootstrap.core import limits, machine
from bootstrap.core.errors import BootstrapError, LockedError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.run.events import Notice, StepProgress
from bootstrap.steps import backend, lock
from bootstrap.steps.backend import StateBackend
from bootstrap.steps.lock import LeaseRenewal
from tests.aws_context import World, client, environment, world

HERE = machine.Place("build-7", "m1", "b1", "pid:[1]")
NOW = 1_790_000_000.0


def holder(**changes: Any) -> Holder:
    made = Holder(
        "id-1", "alice", HERE, 4711, "77", "bootstrap up", "run-1", NOW - 60, NOW - 20, NOW - 20 + 600
    )
    return replace(made, **changes)


@pytest.fixture
def where() -> Iterator[Where]:
    with mock_aws():
        s3 = client("s3", region="us-east-1")
        s3.create_bucket(Bucket="state")
        s3.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Enabled"})
        yield Where(Api(s3), "state", "terraform.tfstate.run-lock.json")


def alive(_: int) -> str | None:
    return "77"


def gone(_: int) -> str | None:
    return None


def take(where: Where, me: Holder, started: Any = alive, **more: Any) -> run_lock.Taken:
    return run_lock.take(where, me, now=NOW, started=started, **more)


def versions(where: Where) -> int:
    found = where.api.call("list_object_versions", Bucket=where.bucket)
    return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))


@pytest.mark.parametrize(
    ("place", "started", "age", "proof"),
    [
        (HERE, gone, 5, "process 4711 of this machine has ended"),
        (HERE, lambda _: "78", 5, "process 4711 of this machine has ended"),
        (HERE, alive, 5, ""),
        (HERE, alive, 9999, ""),  # alive is alive, however silent
        (replace(HERE, boot="b0"), gone, 9999, "this machine was started again since"),
        (replace(HERE, boot="b0"), gone, 5, ""),  # a copy of this machine
        (replace(HERE, pids="pid:[2]"), gone, 9999, ""),  # another container: its pids mean nothing here
        (replace(HERE, machine="m2"), gone, 9999, ""),
        (replace(HERE, machine="m2", boot="b0"), gone, 9999, ""),
    ],
)
def test_only_what_is_certain_is_a_proof(place: machine.Place, started: Any, age: float, proof: str) -> None:
    seen = Seen(holder(place=place), Written("e", "v"), age)
    assert run_lock.proof_of_death(seen, HERE, started) == proof


def test_the_second_is_refused_and_told_everything(where: Where) -> None:
    take(where, holder())
    with pytest.raises(RunLocked) as refused:
        take(where, holder(id="id-2", command="bootstrap down"))
    for word in ("alice on build-7", "process 4711", "`bootstrap up`", "2026-09-21", "last heartbeat"):
        assert word in refused.value.why
    assert refused.value.cure.endswith("bootstrap down --take-over")
    assert refused.value.exit_code == 6
    seen = run_lock.read(where, NOW)
    assert seen and seen.holder == holder(), "nothing was changed"


def test_of_many_at_once_one_wins(where: Where) -> None:
    won = 0
    for number in range(8):
        try:
            take(where, holder(id=f"id-{number}"))
        except RunLocked:
            continue
        won += 1
    assert won == 1


def test_a_silent_holder_elsewhere_takes_the_users_word(where: Where) -> None:
    take(where, holder(place=replace(HERE, machine="m2"), heartbeat=NOW - 9000, expires=NOW - 8400))
    later = NOW + 60
    with pytest.raises(RunLocked, match="cannot be proved") as refused:
        run_lock.take(where, holder(id="id-2"), now=later, started=gone)
    assert "when you are sure that it is dead" in refused.value.cure
    taken = run_lock.take(where, holder(id="id-2"), now=later, started=gone, take_over=True)
    assert taken.over and taken.over.id == "id-1" and not taken.proof


def test_the_dead_are_followed_by_proof_and_leave_no_versions(where: Where) -> None:
    first = holder()
    written = take(where, first).written
    assert run_lock.renew(where, first, written, NOW)
    taken = take(where, holder(id="id-2"), gone)
    assert "has ended" in taken.proof
    assert versions(where) == 1
    run_lock.release(where, first, NOW)
    assert versions(where) == 1, "nobody gives back what is not his"
    run_lock.release(where, holder(id="id-2"), NOW)
    assert versions(where) == 0


def test_a_lost_answer_is_not_taken_for_a_defeat(where: Where) -> None:
    """S3 did what it was asked for, the answer was lost, the repetition fails for that very reason."""
    me = holder()
    written = take(where, me).written
    assert take(where, me).written.etag == written.etag
    newer = run_lock.renew(where, me, written, NOW + 20)
    assert newer and newer.etag != written.etag
    assert run_lock.renew(where, me, written, NOW + 40) == newer
    take(where, holder(id="id-2"), gone)
    assert run_lock.renew(where, me, newer, NOW + 60) is None


def test_heartbeats_keep_one_version(where: Where) -> None:
    me = holder()
    written: Written | None = take(where, me).written
    for beat in range(5):
        assert written
        written = run_lock.renew(where, me, written, NOW + beat)
    assert versions(where) == 1
    seen = run_lock.read(where, NOW + 4)
    assert seen and (seen.holder.heartbeat, seen.holder.expires) == (NOW + 4, NOW + 604)


def written(**changes: Any) -> bytes:
    return json.dumps({"format": run_lock.FORMAT, **asdict(holder()), **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"format": 2}',
        b"[" * 50_000,
        b" " * limits.RECORD_BYTES + written(),
        written(pid="4711"),
        written(who=None),
        written(heartbeat="now"),
        written(started=1e300),
        written(expires=True),
        written(place={"host": 1, "machine": "", "boot": "", "pids": ""}),
    ],
    ids=range(9),
)
def test_what_another_version_wrote_is_not_overwritten(where: Where, body: bytes) -> None:
    where.api.call("put_object", Bucket=where.bucket, Key=where.key, Body=body)
    with pytest.raises(LockedError, match="another version") as refused:
        take(where, holder())
    assert "aws s3 rm" in refused.value.cure


# -- the step ----------------------------------------------------------------------------------------


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        here = world(environment(tmp_path))
        here.context.results.put(backend.run(here.context).result)
        with here.context.closing:
            yield here


def the_lock(dev: World) -> Where:
    found = dev.context.results.get(StateBackend)
    return Where(Api(client("s3")), found.bucket, found.key + lock.SUFFIX)


def test_the_step_holds_it_until_the_run_ends(dev: World) -> None:
    done = lock.run(dev.context)
    seen = run_lock.read(the_lock(dev), NOW)
    assert seen and seen.holder.process == machine.started(seen.holder.pid)
    assert not done.changed
    dev.context.closing.close()
    assert run_lock.read(the_lock(dev), NOW) is None


def test_the_step_waits_a_bounded_time_and_changes_nothing(dev: World) -> None:
    lock.run(dev.context)
    before = client("s3").list_object_versions(Bucket=the_lock(dev).bucket)["Versions"]
    start = dev.context.clock.monotonic()
    with pytest.raises(RunLocked):
        lock.run(dev.context)
    assert dev.context.clock.monotonic() - start == dev.context.config.run_lock.wait
    assert client("s3").list_object_versions(Bucket=the_lock(dev).bucket)["Versions"] == before
    (waited,) = dev.of(StepProgress)
    assert "holds it since" in waited.message


def test_without_a_bucket_there_is_nothing_to_guard(tmp_path: Path) -> None:
    with mock_aws():
        assert lock.run(world(environment(tmp_path)).context).result is None


def test_a_run_that_lost_the_environment_stops(dev: World) -> None:
    lost: list[BootstrapError] = []
    renewal = lock.run(replace(dev.context, abort=lost.append)).result
    assert isinstance(renewal, LeaseRenewal)
    renewal.beat()
    assert lost == []
    forced = replace(dev.context.force, take_over=True)
    lock.run(replace(dev.context, force=forced, command="bootstrap down"))
    assert "as you said" in dev.of(Notice)[0].message
    renewal.beat()
    renewal.beat()
    (error,) = lost
    assert isinstance(error, LockedError)
    assert "`bootstrap down`" in error.why
    renewal.close()
    assert run_lock.read(the_lock(dev), NOW), "the winner keeps it"


def test_a_bucket_that_is_gone_is_no_trouble_at_the_end(dev: World) -> None:
    renewal = lock.run(dev.context).result
    assert isinstance(renewal, LeaseRenewal)
    where = the_lock(dev)
    run_lock.tidy(where, None)
    client("s3").delete_bucket(Bucket=where.bucket)
    renewal.close()
    assert dev.of(Notice) == []


def test_a_heartbeat_that_fails_is_told_and_tried_again(dev: World) -> None:
    renewal = lock.run(dev.context).result
    assert isinstance(renewal, LeaseRenewal)
    sound = renewal.where
    renewal.where = replace(sound, bucket="not-there")
    renewal.beat()
    assert "tried again" in dev.of(Notice)[0].message
    renewal.where = sound
    renewal.beat()
    seen = run_lock.read(sound, NOW)
    assert seen and seen.written == renewal.written


def test_a_process_is_known_by_its_start_and_gone_when_it_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = machine.started(process.pid)
        assert mark and mark == machine.started(process.pid)
        assert process.stdin
        process.stdin.close()
        process.wait()
    assert machine.started(process.pid) != mark


def test_the_lock_is_plain_json(dev: World) -> None:
    lock.run(dev.context)
    where = the_lock(dev)
    text = client("s3").get_object(Bucket=where.bucket, Key=where.key)["Body"].read()
    assert {"format", "who", "place", "pid", "command", "run", "started", "heartbeat"} <= json.loads(
        text
    ).keys()
