from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from bootstrap.core.errors import PermanentError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.steps import backend
from bootstrap.steps.backend import StateBackend
from tests.aws_context import ACCOUNT, REGION, World, client, environment, world

BUCKET = f"eco2-dev-tfstate-{ACCOUNT}"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        yield world(environment(tmp_path))


def test_made_once_then_found(here: World) -> None:
    assert backend.find(here.context) is None
    first = backend.run(here.context)
    assert first.changed
    assert first.result == StateBackend(BUCKET, "terraform.tfstate", REGION)
    second = backend.run(here.context)
    assert not second.changed
    assert second.result == first.result == backend.find(here.context)


def test_terraforms_settings_lock_and_encrypt_and_the_target_has_the_last_word() -> None:
    settings = StateBackend("b", "k", "r").settings({"use_path_style": "true", "encrypt": "false"})
    assert settings == {
        "bucket": "b",
        "key": "k",
        "region": "r",
        "use_lockfile": "true",
        "encrypt": "false",
        "use_path_style": "true",
    }


def test_a_foreign_bucket_is_refused_and_not_found(here: World) -> None:
    place = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    client("s3").put_object(Bucket=BUCKET, Key="theirs", Body=b"x")
    with pytest.raises(PermanentError, match="not ours"):
        backend.run(here.context)
    assert backend.find(here.context) is None
