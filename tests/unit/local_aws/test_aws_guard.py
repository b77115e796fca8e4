from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.local.aws.application import Application
from bootstrap.local.aws.guard import Guard
from bootstrap.local.state.credentials import Credentials

KEY = "LOCALSECRET"
V4 = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=00"
)


def refused(**environ: str) -> str:
    return Guard(KEY).refuses({"HTTP_HOST": "127.0.0.1:4566", **environ})


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_AUTHORIZATION": V4},
        {"HTTP_AUTHORIZATION": f"AWS {KEY}:c2lnbmF0dXJl"},
        {"QUERY_STRING": f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}%2F20260101%2Fx"},
        {"QUERY_STRING": f"AWSAccessKeyId={KEY}&Signature=x&Expires=1"},
        {"HTTP_AUTHORIZATION": V4, "HTTP_HOST": "localhost:1"},
        {"HTTP_AUTHORIZATION": V4, "HTTP_HOST": "[::1]:1"},
    ],
)
def test_who_has_the_key_is_served(environ: dict[str, str]) -> None:
    assert refused(**environ) == ""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_AUTHORIZATION": V4.replace(KEY, "local")},
        {"HTTP_AUTHORIZATION": V4.replace(KEY, "")},
        {"HTTP_AUTHORIZATION": f"Bearer {KEY}"},
        {"HTTP_AUTHORIZATION": "AWS \u00e9:x"},
        {"QUERY_STRING": "X-Amz-Credential=local%2F20260101"},
        {"QUERY_STRING": "&" * 5000},
        {"HTTP_AUTHORIZATION": V4, "HTTP_HOST": "evil.example.com:4566"},
        {"HTTP_AUTHORIZATION": V4, "HTTP_HOST": "127.0.0.1.evil.example.com"},
        {"HTTP_AUTHORIZATION": V4, "HTTP_HOST": ""},
        {"HTTP_AUTHORIZATION": V4, "HTTP_ORIGIN": "https://evil.example.com"},
        {"HTTP_AUTHORIZATION": V4, "HTTP_ORIGIN": "null"},
    ],
)
def test_nobody_else_is(environ: dict[str, str]) -> None:
    assert refused(**environ)


def test_a_stranger_does_not_reach_moto() -> None:
    def moto(*_: Any) -> list[bytes]:
        pytest.fail("asked")

    said: list[str] = []
    request = {"HTTP_HOST": "127.0.0.1:1", "PATH_INFO": "/moto-api/reset", "wsgi.input": io.BytesIO()}
    application = Application(moto, Guard(KEY))
    application(request, lambda status, _headers: said.append(status))
    application(
        {**request, "PATH_INFO": "/_bootstrap/ready", "HTTP_ORIGIN": "x"},
        lambda status, _: said.append(status),
    )
    assert said == ["403 Forbidden", "403 Forbidden"]


def test_credentials_are_kept_in_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "state" / "credentials.json"
    made = Credentials.locate(file)
    assert Credentials.locate(file) != made, "none is written by looking"
    made.save(file)
    assert Credentials.locate(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(value in repr(made) for value in (made.access_key, made.secret_key, made.proxy))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"access_key": "", "secret_key": "x", "proxy": "y"}', '{"access_key": 1}']
)
def test_a_file_without_credentials_is_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    assert Credentials.read(file) is None
    words = ["--port", "1", "--state", str(tmp_path), "--credentials", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap.local.aws", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "holds no credentials" in done.stderr
