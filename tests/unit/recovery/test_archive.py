"""Databases archive into a folder of their own incarnation, and come from that of the backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap import plan
from bootstrap.aws.environments import Lifetime
from bootstrap.config.model import Archive
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import PreflightError
from bootstrap.recovery.store import Store
from bootstrap.recovery.vault import Vault
from bootstrap.steps import archive, lifetime
from bootstrap.steps.restore import Rebuilding, RestoreRequest
from bootstrap.targets.base import Phases
from tests.aws_context import World, client, environment, world
from tests.unit.recovery.test_manifest import ABOUT

OLD = "archive/databases/eco2/dev/20250101T000000Z"


@pytest.fixture(autouse=True)
def bucket() -> Iterator[None]:
    with mock_aws():
        place: Any = {"LocationConstraint": "ap-northeast-2"}
        client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration=place)
        yield


def fill(folder: str) -> None:
    client("s3").put_object(Bucket="archive", Key=f"{folder.removeprefix('archive/')}/base", Body=b"x")


def a_world(tmp_path: Path, source: str = "") -> World:
    made = world(environment(tmp_path, archive=Archive("archive")), clock=FakeClock(1_767_225_600.0))
    made.context.results.put(lifetime.run(made.context).result)
    if source:
        about = ABOUT.__class__(**{**ABOUT.__dict__, "archive": source})
        vault: Any = Vault(Store(None, "", ""), None, ours=True)  # type: ignore[arg-type]
        made.context.results.put(Rebuilding(RestoreRequest("latest"), about, vault, tmp_path, {}, b"", {}))
    return made


def facts() -> dict[str, str]:
    found = client("ssm").get_parameters_by_path(Path="/eco2/dev/database")["Parameters"]
    return {item["Name"].rsplit("/", 1)[-1]: item["Value"] for item in found}


def test_a_first_incarnation_comes_from_nowhere(tmp_path: Path) -> None:
    made = a_world(tmp_path)
    archive.run(made.context)
    place = made.context.results.get(Lifetime).record.archive
    assert place == "archive/databases/eco2/dev/20260101T000000Z"
    assert facts() == {"archive": f"s3://{place}", "source": "none"}
    fill(place)
    assert archive.run(made.context).changed is False, "a database at work there is no reason to refuse"


def test_a_rebuild_reads_the_old_folder_and_writes_a_new_one(tmp_path: Path) -> None:
    fill(OLD)
    made = a_world(tmp_path, OLD)
    archive.run(made.context)
    assert facts()["source"] == f"s3://{OLD}"
    assert facts()["archive"] != facts()["source"]


def test_a_folder_in_use_is_refused_before_a_machine_is_made(tmp_path: Path) -> None:
    made = a_world(tmp_path)
    fill(made.context.results.get(Lifetime).record.archive)
    with pytest.raises(PreflightError, match="archive of the new databases is not empty"):
        archive.run(made.context)
    assert facts() == {}


def test_an_archive_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="archive of the backup is empty"):
        archive.run(a_world(tmp_path, OLD).context)


def test_without_an_archive_there_is_no_such_step(tmp_path: Path) -> None:
    config = environment(tmp_path)
    steps = {step.name: step.needs for step in plan.build_up(config, Phases()).steps}
    assert "archive" not in steps
    assert steps["terraform"] == ("lifetime",)
    rebuilt = plan.build_restore(config, Phases(), RestoreRequest("latest")).steps
    seen: set[str] = set()
    for step in rebuilt:
        assert seen.issuperset(step.needs), f"{step.name} stands before what it needs"
        seen.add(step.name)
    needs = {step.name: step.needs for step in rebuilt}
    assert "restore-check" in needs["backend"]
    assert "restore-order" in needs["terraform"]
    assert "restore-source" in needs["access"]
    assert "restore-verify" in seen
