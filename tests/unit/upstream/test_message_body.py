from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.upstream.message import open_body

CHUNKED = {"transfer-encoding": "chunked"}


def chunked(pieces: list[bytes]) -> bytes:
    return (
        b"".join(b"%X;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        + b"0\r\nTrailer: 1\r\n\r\n"
    )


@given(st.lists(st.binary(max_size=50), max_size=6), st.integers(1, 70))
def test_chunks_come_out_as_they_went_in(pieces: list[bytes], step: int) -> None:
    stream = io.BytesIO(chunked(pieces) + b"next request")
    body = open_body(stream, CHUNKED)
    read = b"".join(iter(lambda: body.read(step) or b"", b""))
    assert read == b"".join(pieces)
    assert body.finished
    assert stream.read() == b"next request"


@given(st.binary(max_size=60), st.integers(1, 70))
def test_a_body_of_known_length_ends_there(content: bytes, step: int) -> None:
    stream = io.BytesIO(content + b"next request")
    body = open_body(stream, {"content-length": str(len(content))})
    assert b"".join(iter(lambda: body.read(step) or b"", b"")) == content
    assert body.finished
    assert stream.read() == b"next request"


def test_a_body_that_was_not_read_is_not_finished() -> None:
    assert not open_body(io.BytesIO(b"abc"), {"content-length": "3"}).finished
    assert open_body(io.BytesIO(b"abc"), {}).finished


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"ab", {"content-length": "3"}),
        (b"3\r\nab", CHUNKED),
        (b"zz\r\nab", CHUNKED),
        (b"", CHUNKED),
        (b"", {"content-length": "-1"}),
    ],
)
def test_a_body_cut_off_is_an_error(content: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ConnectionError):
        open_body(io.BytesIO(content), headers).read()
