from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

from bootstrap.aws.api import Api
from bootstrap.aws.credentials import Life, life, verdict

NOW = 1_790_000_000.0


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat().replace("+00:00", "Z")


def sts(token: str | None) -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": token}
    return boto3.client("sts", region_name="us-east-1", **keys)


@pytest.mark.parametrize(
    ("token", "environ", "expected"),
    [
        (None, {}, Life(False, False)),
        ("t", {}, Life(True, False)),
        (
            "t",
            {"AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": stamp(60)},
            Life(True, False, NOW + 60),
        ),
        ("t", {"AWS_SESSION_TOKEN": "t", "AWS_SESSION_EXPIRATION": stamp(60)}, Life(True, False, NOW + 60)),
        ("t", {"AWS_SESSION_TOKEN": "other", "AWS_CREDENTIAL_EXPIRATION": stamp(60)}, Life(True, False)),
        ("t", {"AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": "soon"}, Life(True, False)),
    ],
)
def test_how_long_they_live(token: str | None, environ: dict[str, str], expected: Life) -> None:
    assert life(Api(sts(token)), environ) == expected


def test_what_is_refreshed_needs_no_worry() -> None:
    session = Session()
    session._credentials = RefreshableCredentials(
        "a", "b", "t", datetime(2100, 1, 1, tzinfo=UTC), dict, "assume-role"
    )
    client = boto3.Session(botocore_session=session).client("sts", region_name="us-east-1")
    found = life(Api(client), {})
    assert (found.temporary, found.refreshed) == (True, True)
    assert verdict(found, NOW) == ("", "")


@pytest.mark.parametrize(
    ("left", "refused", "known"),
    [(-5.0, "expire in 0 min", ""), (899.0, "expire in 15 min", ""), (900.0, "", "15 min"), (3600.0, "", "")],
)
def test_too_short_is_refused_and_short_is_told(left: float, refused: str, known: str) -> None:
    found = verdict(Life(True, False, NOW + left), NOW)
    assert [bool(text) for text in found] == [bool(refused), bool(known)]
    assert refused in found[0]
    assert known in found[1]


def test_an_unknown_life_is_told_and_keys_are_not() -> None:
    assert "nothing tells when" in verdict(Life(True, False), NOW)[1]
    assert verdict(Life(False, False), NOW) == ("", "")
