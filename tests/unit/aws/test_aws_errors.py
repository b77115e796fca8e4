"""Every error that botocore can raise becomes one of ours, and says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.retries import standard

import bootstrap
from bootstrap.aws.api import Api
from bootstrap.aws.errors import CURE_NETWORK, AwsBusy, AwsError, Throttled, translate
from bootstrap.core.errors import BootstrapError, PermanentError, TemporaryError

# What a network or an overloaded service does; everything else would only fail again.
PASSES = {
    "CapacityNotAvailableError",
    "ChecksumError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "EndpointConnectionError",
    "FlexibleChecksumError",
    "HTTPClientError",
    "IncompleteReadError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ResponseStreamingError",
}


ROOT = Path(bootstrap.__file__).parent
BELOW_THE_BOUNDARY = {
    str(path.relative_to(ROOT))
    for folder in ("aws", "steps", "terraform")
    for path in (ROOT / folder).rglob("*.py")
    if path.name not in ("errors.py", "api.py")
}


def kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    """The class and every class below it that botocore itself defines."""
    for below in kind.__subclasses__():
        yield from kinds(below)
    if kind.__module__ == exceptions.__name__:
        yield kind


def made(kind: type[Exception]) -> Exception:
    """An instance without knowing its arguments: the message does not matter."""
    error = kind.__new__(kind)
    Exception.__init__(error, "message")
    return error


def answer(code: str, status: int, message: str = "no", **headers: str) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "Op")


@pytest.mark.parametrize("kind", sorted(set(kinds(BotoCoreError)), key=str))
def test_no_exception_of_botocore_is_missed(kind: type[Exception]) -> None:
    ours = translate(made(kind), "reading failed")
    assert isinstance(ours, TemporaryError) == (kind.__name__ in PASSES)
    assert isinstance(ours, TemporaryError | PermanentError)
    assert ours.what == "reading failed"
    assert ours.cure


def test_botocore_raises_nothing_beside_the_two_classes_that_are_caught() -> None:
    stray = {
        name
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type)
        and kind.__module__ == exceptions.__name__
        and not issubclass(kind, BotoCoreError | ClientError | Warning)
    }
    # A broken service model of botocore's own, never the answer to a call.
    assert stray == {"UndefinedModelAttributeError", "MissingServiceIdError"}


@pytest.mark.parametrize("path", sorted(BELOW_THE_BOUNDARY), ids=str)
def test_nobody_goes_around_the_boundary(path: str) -> None:
    source = (ROOT / path).read_text()
    assert not re.search(r"^\s*(import|from) boto", source, re.MULTILINE)
    assert len(re.findall(r"\.client\(", source)) == len(re.findall(r"\bApi\([\w.]+\.client\(", source))


def retried_by_botocore() -> set[str]:
    """The codes that botocore's own retry modes know as throttling."""
    codes = set(standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    legacy = json.loads((Path(botocore.__file__).parent / "data" / "_retry.json").read_text())
    for definition in legacy["definitions"].values():
        response = definition.get("applies_when", {}).get("response", {})
        if response.get("http_status_code") in (400, 429, 503, None):
            codes.add(response.get("service_error_code", ""))
    return codes - {""}


@pytest.mark.parametrize("code", sorted(retried_by_botocore()))
def test_what_botocore_retries_as_throttling_is_throttling(code: str) -> None:
    assert isinstance(translate(answer(code, 400), "x"), AwsBusy)


@pytest.mark.parametrize("code", standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES)
def test_what_botocore_calls_transient_passes(code: str) -> None:
    assert isinstance(translate(answer(code, 400), "x"), AwsBusy)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_service_passes(status: int) -> None:
    ours = translate(answer("Whatever", status, **{"retry-after": "7"}), "x")
    assert isinstance(ours, AwsBusy)
    assert ours.delay == 7


@pytest.mark.parametrize(
    ("code", "status", "cure"),
    [
        ("AccessDeniedException", 400, "allow ssm:PutParameter to the identity"),
        ("UnauthorizedOperation", 403, "allow ssm:PutParameter to the identity"),
        ("403", 403, "allow ssm:PutParameter to the identity"),
        ("ExpiredTokenException", 400, "log in again"),
        ("InvalidClientTokenId", 403, "log in again"),
        ("SignatureDoesNotMatch", 403, "log in again"),
        ("RequestTimeTooSkewed", 403, "clock"),
        ("VpcLimitExceeded", 400, "quota"),
        ("ValidationException", 400, "configuration file"),
    ],
)
def test_a_refusal_is_final_and_has_a_cure(code: str, status: int, cure: str) -> None:
    ours = translate(answer(code, status), "x", "ssm:PutParameter")
    assert isinstance(ours, AwsError)
    assert (ours.code, ours.status) == (code, status)
    assert cure in ours.cure


@pytest.mark.parametrize("code", ["404", "NoSuchBucket", "ParameterNotFound", "InvalidVpcID.NotFound"])
def test_what_is_missing_is_known_as_missing(code: str) -> None:
    ours = translate(answer(code, 404 if code == "404" else 400), "x")
    assert isinstance(ours, AwsError)
    assert ours.missing


def test_throttling_keeps_its_own_type() -> None:
    assert isinstance(translate(answer("ThrottlingException", 400), "x"), Throttled)
    assert isinstance(translate(answer("Odd", 429), "x"), Throttled)
    assert not isinstance(translate(answer("InternalError", 500), "x"), Throttled)


class FakeMeta:
    class service_model:
        signing_name = "ssm"

    method_to_api_mapping = {"put_parameter": "PutParameter"}  # noqa: RUF012


class Failing:
    """A client whose every call raises."""

    meta = FakeMeta

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_parameter(self, **_: object) -> None:
        raise self._error

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, _: str) -> Any:
        raise self._error


SECRET = "hunter2-canary"


@pytest.mark.parametrize(
    "error",
    [
        answer("ValidationException", 400, f"Value '{SECRET}' at 'value' failed to satisfy constraint"),
        answer("InternalServerError", 500, f"could not store {SECRET}"),
        exceptions.ParamValidationError(report=f"Invalid type for parameter Value, value: {SECRET!r}"),
        exceptions.EndpointConnectionError(endpoint_url=f"http://{SECRET}"),
    ],
)
def test_a_value_is_not_repeated_by_any_error(error: Exception) -> None:
    with pytest.raises(BootstrapError) as raised:
        Api(Failing(error)).call("put_parameter", Name="/eco2/dev/a", Value=SECRET)
    ours = raised.value
    assert SECRET not in f"{ours}{ours.what}{ours.why}{ours.cure}{ours!r}"
    assert ours.__cause__ is None
    assert "/eco2/dev/a" in ours.what


def test_pages_are_translated_too() -> None:
    with pytest.raises(Throttled) as raised:
        list(Api(Failing(answer("Throttling", 400))).pages("put_parameter", "Items"))
    assert raised.value.what == "ssm:PutParameter failed"


def test_an_answer_that_cannot_be_read_is_an_error_of_aws() -> None:
    found = translate(ResponseParserError("no XML: <html>"), "iam:SimulatePrincipalPolicy failed")
    assert isinstance(found, AwsError)
    assert found.cure == CURE_NETWORK
