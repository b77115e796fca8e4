"""etcd's snapshot on its way: never plain in S3, and not there for longer than it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.core.errors import PermanentError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.recovery import order, transit
from bootstrap.recovery.cipher import Unreadable
from bootstrap.recovery.store import Store
from bootstrap.run.events import Notice
from bootstrap.steps import backend, loans, lock
from tests.aws_context import ACCOUNT, World, client, environment, new_client, world

BUCKET, ID = f"eco2-dev-backups-{ACCOUNT}", "20260101T000000Z"
KEY = f"dev/{ID}/on-loan/etcd.db"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        place: Any = {"LocationConstraint": "ap-northeast-2"}
        client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        versions: Any = {"Status": "Enabled"}
        client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versions)
        yield


def versions() -> list[str]:
    listed = client("s3").list_object_versions(Bucket=BUCKET)
    return sorted(item["Key"] for kind in ("Versions", "DeleteMarkers") for item in listed.get(kind, ()))


def holding(home: Path) -> World:
    """A later command, whichever it is: it has taken the environment."""
    here = world(environment(home))
    backend.run(here.context)
    with here.context.closing:
        lock.run(here.context)
    return here


@pytest.mark.parametrize("deleted", [False, True])
def test_what_a_dead_run_left_is_removed_by_the_next_one(tmp_path: Path, deleted: bool) -> None:
    for body in (b"plain etcd: k8s Secrets", b"sealed"):
        client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=body)
    if deleted:
        client("s3").delete_object(Bucket=BUCKET, Key=KEY)
    others = [f"dev/{ID}/etcd.db", f"other/{ID}/on-loan/etcd.db"]
    for other in others:
        client("s3").put_object(Bucket=BUCKET, Key=other, Body=b"x")
    (notice,) = holding(tmp_path).of(Notice)
    assert notice.message.endswith(f"s3://{BUCKET}/{KEY}")
    assert versions() == others
    assert holding(tmp_path).of(Notice) == []


def test_that_of_a_restore_under_way_stays(tmp_path: Path) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"sealed")
    name = f"/eco2/dev/{order.ORDER}"
    client("ssm").put_parameter(Name=name, Value=json.dumps({"backup": ID, "etcd": True}), Type="String")
    assert holding(tmp_path).of(Notice) == []
    assert versions() == [KEY]
    ssm.delete(Api(client("ssm")), [name])
    assert len(holding(tmp_path).of(Notice)) == 1
    assert versions() == []


@pytest.mark.parametrize("text", ["[]", "?", "5", "[" * 4000])
def test_an_order_of_nobody_is_told(tmp_path: Path, text: str) -> None:
    client("ssm").put_parameter(Name=f"/eco2/dev/{order.ORDER}", Value=text, Type="String")
    with pytest.raises(PermanentError, match="cannot be read"):
        order.pending(Api(client("ssm")), "/eco2/dev")
    assert "could not be seen" in holding(tmp_path).of(Notice)[0].message


def test_without_a_bucket_there_is_none() -> None:
    assert Store(Api(client("s3")), "not-there", "dev").loans() == ()


def test_what_may_not_be_looked_at_stops_nothing(tmp_path: Path) -> None:
    def refuse(**_: Any) -> None:
        error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "ListObjectVersions")

    def connect(service: str) -> Any:
        made = new_client(service)
        if service == "s3":
            made.meta.events.register_first("before-call.s3.ListObjectVersions", refuse)
        return made

    here = world(environment(tmp_path), client=connect)
    loans.recall_all(here.context)
    assert "could not be seen" in here.of(Notice)[0].message


@pytest.mark.parametrize("size", [0, 1, transit._CHUNK + 1])
def test_what_is_lent_is_readable_with_its_key_only(tmp_path: Path, size: int) -> None:
    plain, sealed, again = (tmp_path / name for name in ("plain", "sealed", "again"))
    content = b"canary" * (size // 6) + b"x" * (size % 6)
    plain.write_bytes(content)
    key = transit.new_key()
    transit.seal(plain, sealed, key)
    assert b"canary" not in sealed.read_bytes()
    transit.unseal(sealed, again, key)
    assert again.read_bytes() == content
    transit.unseal(sealed, again, transit.new_key())
    assert size == 0 or again.read_bytes() != content
    sealed.write_bytes(content)
    with pytest.raises(Unreadable):
        transit.unseal(sealed, again, key)
