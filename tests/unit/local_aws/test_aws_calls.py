from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.aws.calls import Call, parse

FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
SIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/ap-northeast-2/{}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("environ", "body", "call", "reads"),
    [
        (FORM, b"Action=RunInstances&Version=2016-11-15", Call("", "RunInstances", "POST"), False),
        (FORM, b"Version=2016-11-15&Action=DescribeVpcs", Call("", "DescribeVpcs", "POST"), True),
        (
            {"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "AmazonSSM.GetParameter"},
            b"{}",
            Call("", "GetParameter", "POST"),
            True,
        ),
        (
            {"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "AmazonSSM.PutParameter"},
            b"{}",
            Call("", "PutParameter", "POST"),
            False,
        ),
        ({"REQUEST_METHOD": "GET", "QUERY_STRING": "list-type=2"}, b"", Call("", "", "GET"), True),
        ({"REQUEST_METHOD": "PUT"}, b"Action=DescribeVpcs", Call("", "", "PUT"), False),
        ({"REQUEST_METHOD": "POST", "QUERY_STRING": "delete"}, b"", Call("", "", "POST"), False),
    ],
)
def test_the_action_is_found_in_all_three_protocols(
    environ: dict[str, str], body: bytes, call: Call, reads: bool
) -> None:
    found = parse(environ, body)
    assert found == call
    assert found.reads is reads


def test_the_service_is_that_of_the_signature() -> None:
    assert parse({"HTTP_AUTHORIZATION": SIGNED.format("ec2")}, b"").service == "ec2"


@given(body=st.binary(), header=st.text(), method=st.sampled_from(["POST", "PUT", "DELETE", "PATCH"]))
def test_whatever_comes_is_parsed_and_in_doubt_a_change(body: bytes, header: str, method: str) -> None:
    environ = {"REQUEST_METHOD": method, "HTTP_AUTHORIZATION": header, "CONTENT_TYPE": FORM["CONTENT_TYPE"]}
    call = parse(environ, body)
    assert call.action or not call.reads
