"""Encryption: what comes back is what went in, and anything else is found out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.recovery import cipher, etcd

KEY = bytes(range(32))
BOUND = {"backup": "1", "part": "etcd.db"}


@pytest.mark.parametrize("size", [0, 1, cipher._CHUNK, cipher._CHUNK + 1])
def test_a_file_comes_back_and_is_nobody_elses(tmp_path: Path, size: int) -> None:
    plain, sealed, again = (tmp_path / name for name in ("plain", "sealed", "again"))
    content = os.urandom(size)
    plain.write_bytes(content)
    cipher.seal(plain, sealed, KEY, BOUND)
    cipher.unseal(sealed, again, KEY, BOUND)
    assert again.read_bytes() == content
    assert {path.stat().st_mode & 0o777 for path in (sealed, again)} == {0o600}
    assert size < 16 or content not in sealed.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=200), st.data())
def test_any_changed_byte_is_found_out(tmp_path: Path, content: bytes, data: st.DataObject) -> None:
    plain, sealed, again = (tmp_path / name for name in ("plain", "sealed", "again"))
    plain.write_bytes(content)
    cipher.seal(plain, sealed, KEY, BOUND)
    damaged = bytearray(sealed.read_bytes())
    where = data.draw(st.integers(0, len(damaged) - 1))
    damaged[where] ^= 1 << data.draw(st.integers(0, 7))
    sealed.write_bytes(damaged)
    with pytest.raises(cipher.Unreadable):
        cipher.unseal(sealed, again, KEY, BOUND)
    assert not again.exists(), "what is not genuine is never left lying about"


@pytest.mark.parametrize(
    ("key", "bound"),
    [(bytes(32), BOUND), (KEY, {**BOUND, "part": "seeds.json"}), (KEY, {**BOUND, "backup": "2"})],
)
def test_it_opens_only_as_what_it_is(tmp_path: Path, key: bytes, bound: dict[str, str]) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"content")
    cipher.seal(plain, sealed, KEY, BOUND)
    with pytest.raises(cipher.Unreadable):
        cipher.unseal(sealed, tmp_path / "again", key, bound)


def test_a_file_cut_short_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(b"short")
    with pytest.raises(cipher.Unreadable):
        cipher.unseal(tmp_path / "sealed", tmp_path / "again", KEY, BOUND)


def test_a_digest_tells_names_and_values_apart() -> None:
    assert cipher.digest(KEY, "a", "b") == cipher.digest(KEY, "a", "b")
    digests = {cipher.digest(KEY, "a", "b"), cipher.digest(KEY, "a", "c"), cipher.digest(KEY, "ab", "")}
    assert len(digests | {cipher.digest(bytes(32), "a", "b")}) == 4


def test_an_etcd_snapshot_carries_its_checksum(tmp_path: Path) -> None:
    file, database = tmp_path / "etcd.db", os.urandom(4096)
    file.write_bytes(database + hashlib.sha256(database).digest())
    assert etcd.broken(file) == ""
    file.write_bytes(database)
    assert "no checksum" in etcd.broken(file)
    file.write_bytes(os.urandom(4096) + hashlib.sha256(database).digest())
    assert "checksum is wrong" in etcd.broken(file)
    file.write_bytes(b"")
    assert "0 bytes" in etcd.broken(file)
