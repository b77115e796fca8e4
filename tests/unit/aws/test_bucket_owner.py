"""Names of buckets are anybody's to take: every call says whose the bucket has to be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws import environments
from bootstrap.config.model import Archive, Teardown
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.run.target import TerraformSettings
from bootstrap.steps import (
    access,
    archive,
    backend,
    backup,
    leftovers,
    lifetime,
    lock,
    preflight,
    reap,
    restore,
)
from bootstrap.steps.restore import RestoreRequest
from tests.aws_context import ACCOUNT, REGION, World, client, environment, new_client, world
from tests.kubernetes_fake import FakeServer

NOT_OF_ONE_BUCKET = {"CreateBucket", "ListBuckets"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Every call to S3, and which owner it expects."""
    bucket_policies.apply(monkeypatch.setattr)
    monkeypatch.setattr(access, "existing", lambda _: FakeServer().cluster)
    with mock_aws():
        yield []


def here(home: Path, asked: list[tuple[str, str]]) -> World:
    def note(model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if not context.get("is_presign_request"):
            asked.append((model.name, params.get("ExpectedBucketOwner", "")))

    def connect(service: str) -> Any:
        made = new_client(service) if service == "s3" else client(service)
        if service == "s3":
            made.meta.events.register("before-parameter-build.s3", note)
        return made

    config = environment(home, archive=Archive("archive"), teardown=Teardown(backups="remove"))
    settings = TerraformSettings(keep_state_bucket=False)
    made = world(config, client=connect, settings=settings)
    made.context.run_folder.mkdir(parents=True, exist_ok=True)
    return made


def snapshot(_store: Any, _backup: str, into: Path, _wait: Any) -> EtcdStatus:
    into.write_bytes(bytes(4096) + hashlib.sha256(bytes(4096)).digest())
    return EtcdStatus(1, 1, 1)


def test_every_call_of_every_step_names_the_owner(tmp_path: Path, asked: list[tuple[str, str]]) -> None:
    place: Any = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration=place)
    made = here(tmp_path, asked)
    steps: tuple[Callable[..., Any], ...] = (
        *(preflight.run, backend.run, lock.run, lifetime.run, archive.run, preflight.run),
        *(backup.begin, lambda context: backup.take(context, snapshot), backup.store),
    )
    with made.context.closing:
        for step in steps:
            if (result := step(made.context).result) is not None:
                made.context.results.put(result)
        client("ssm").delete_parameters(Names=["/eco2/dev/database/archive", "/eco2/dev/database/source"])
        restore.check(made.context, RestoreRequest("latest"))
    (record,) = environments.find(made.context.target.connect, REGION)
    leftovers.run(made.context)
    backend.run(made.context)
    reap.run(made.context, record)
    assert {"HeadBucket", "PutObject", "GetObject", "DeleteObjects", "DeleteBucket"} <= {
        name for name, _ in asked
    }
    strange = {name for name, owner in asked if owner != ACCOUNT}
    assert strange == NOT_OF_ONE_BUCKET
    assert client("s3").list_buckets()["Buckets"][0]["Name"] == "archive"
