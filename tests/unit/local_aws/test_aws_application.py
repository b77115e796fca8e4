from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from bootstrap.local.aws.application import Application
from bootstrap.local.aws.changes import ChangeCounter
from bootstrap.local.aws.guard import Guard
from tests.local_credentials import LOCAL

GUARD = Guard(LOCAL.access_key)


class Moto:
    """Remembers what it was asked, and answers with `status`."""

    def __init__(self, status: str = "200 OK") -> None:
        self.status, self.bodies, self.closed = status, list[bytes](), 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response(self.status, [])
        return Response(self)


class Response(list[bytes]):
    def __init__(self, moto: Moto) -> None:
        super().__init__([b"o", b"k"])
        self.moto = moto

    def close(self) -> None:
        self.moto.closed += 1


def ask(application: Application, body: bytes, service: str = "ec2", **environ: Any) -> tuple[str, bytes]:
    status: list[str] = []
    credential = (
        f"AWS4-HMAC-SHA256 Credential=local/20260101/ap-northeast-2/{service}/aws4_request, Signature=0"
    )
    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1:4566",
        "HTTP_AUTHORIZATION": credential,
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    content = application(request, lambda code, _headers: status.append(code))
    return status[0], b"".join(content)


def made(moto: Moto) -> Application:
    return Application(moto, GUARD, state=ChangeCounter(version=0), instances=ChangeCounter(version=0))


def test_moto_gets_the_request_and_the_client_its_answer() -> None:
    moto = Moto()
    assert ask(made(moto), b"Action=DescribeVpcs") == ("200 OK", b"ok")
    assert (moto.bodies, moto.closed) == ([b"Action=DescribeVpcs"], 1)


@pytest.mark.parametrize(
    ("body", "service", "status", "counted"),
    [
        (b"Action=RunInstances", "ec2", "200 OK", (1, 1)),
        (b"Action=CreateRole", "iam", "200 OK", (1, 0)),
        (b"Action=DescribeVpcs", "ec2", "200 OK", (0, 0)),
        (b"Action=RunInstances", "ec2", "400 Bad Request", (0, 0)),
    ],
)
def test_only_changes_that_happened_are_counted(
    body: bytes, service: str, status: str, counted: tuple[int, int]
) -> None:
    application = made(Moto(status))
    ask(application, body, service)
    assert (application.state.version, application.instances.version) == counted


def test_the_lock_is_free_again_after_a_failure() -> None:
    def broken(_environ: Any, _start_response: Any) -> Iterable[bytes]:
        raise ZeroDivisionError

    application = Application(broken, GUARD)
    with pytest.raises(ZeroDivisionError):
        ask(application, b"")
    assert not application.lock.locked()


def test_a_client_learns_the_version() -> None:
    application = made(Moto())
    ask(application, b"Action=RunInstances")
    query = {"PATH_INFO": "/_bootstrap/changes", "QUERY_STRING": "after=0&timeout=30"}
    status, content = ask(application, b"", **query)
    assert (status, json.loads(content)) == ("200 OK", {"version": 1})


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("ready", "", "200 OK"),
        ("changes", "after=x", "400 Bad Request"),
        ("nothing", "", "404 Not Found"),
    ],
)
def test_our_own_paths_do_not_reach_moto(path: str, query: str, status: str) -> None:
    moto = Moto()
    assert ask(made(moto), b"", PATH_INFO=f"/_bootstrap/{path}", QUERY_STRING=query)[0] == status
    assert not moto.bodies
