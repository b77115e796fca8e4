"""What a backup says of itself, which one is meant, and when it is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.errors import PermanentError
from bootstrap.recovery import manifest
from bootstrap.recovery.manifest import Consent, EtcdStatus, Manifest, Part, SeedMark
from tests.aws_context import ACCOUNT, REGION, environment

ABOUT = Manifest(
    id="20260101T000000Z",
    project="eco2",
    environment="dev",
    account=ACCOUNT,
    region=REGION,
    created_at="2026-01-01T00:00:00Z",
    product="1.0",
    kubernetes="1.37.2",
    commit="c" * 40,
    etcd=EtcdStatus(100, 7, 90),
    key={"kind": "file", "data_key": "abc"},
    parts=(Part("etcd.db", "0" * 64, 4096),),
    seeds={"db/password": SeedMark(3, "f" * 64)},
)


def test_what_is_written_is_read_again() -> None:
    assert manifest.decode(manifest.encode(ABOUT)) == ABOUT


def test_what_was_wrong_with_the_cluster_is_kept_and_told_in_short() -> None:
    sick = replace(ABOUT, ailments=("Argo CD: 1 of 2", "Node cp: Kubelet", "a", "b"))
    assert manifest.decode(manifest.encode(sick)) == sick
    assert manifest.some(sick.ailments) == "Argo CD: 1 of 2; Node cp: Kubelet; a and 1 more"
    assert manifest.some(sick.ailments[:1]) == "Argo CD: 1 of 2"
    older = json.loads(manifest.encode(ABOUT))
    del older["ailments"]
    assert manifest.decode(json.dumps(older)).ailments == (), "nothing was said then"


def test_keys_of_a_later_minor_version_are_passed_over() -> None:
    plain = json.loads(manifest.encode(ABOUT))
    assert manifest.decode(json.dumps({**plain, "mood": "good"})) == ABOUT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "manifest cannot be read"),
        ("[]", "manifest cannot be read"),
        ('{"format": 1}', "incomplete"),
        (json.dumps({"format": manifest.FORMAT + 1}), "use a newer|its format is 2, known is 1"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        manifest.decode(text)


def test_which_backup_is_meant() -> None:
    ids = ("20260102T000000Z", "20260101T000000Z")
    assert manifest.choose(ids, "latest") == "20260102T000000Z"
    assert manifest.choose(ids, "20260101T000000Z") == "20260101T000000Z"
    with pytest.raises(PermanentError, match="no complete backup 2025"):
        manifest.choose(ids, "2025")
    with pytest.raises(PermanentError, match="there is no backup"):
        manifest.choose((), "latest")


@given(st.sets(st.integers(0, 10**9)), st.integers(1, 20))
def test_pruning_keeps_the_newest(moments: set[int], keep: int) -> None:
    ids = {manifest.new_id(moment) for moment in moments}
    gone = manifest.outdated(ids, keep)
    stay = ids - set(gone)
    assert len(stay) == min(keep, len(ids))
    assert not gone or max(gone) < min(stay)


def problems(tmp_path: Path, consent: Consent = Consent(), **changes: Any) -> str:  # noqa: B008 - frozen
    config = environment(tmp_path)
    about = replace(ABOUT, **changes)
    return "\n".join(map(str, manifest.incompatibilities(about, config, ACCOUNT, consent)))


def test_a_backup_of_here_is_not_strange(tmp_path: Path) -> None:
    assert problems(tmp_path) == ""


@pytest.mark.parametrize(
    ("changes", "why", "cure"),
    [
        ({"project": "other"}, "it is of project other, this is eco2", "--config"),
        ({"environment": "prod"}, "it is of environment prod, this is dev", "--environment prod"),
        ({"account": "999999999999"}, "it is of account 999999999999", "--other-account"),
        ({"region": "eu-west-1"}, "it is of region eu-west-1", "--other-region"),
        ({"kubernetes": "1.38.0"}, "it is of Kubernetes 1.38.0, this is 1.37", "does not go back"),
    ],
)
def test_a_backup_of_elsewhere_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str, cure: str
) -> None:
    told = problems(tmp_path, **changes)
    assert why in told
    assert cure in told


def test_all_that_is_strange_is_told_at_once_and_consent_is_for_one_thing(tmp_path: Path) -> None:
    elsewhere: dict[str, Any] = {"account": "999999999999", "region": "eu-west-1"}
    assert problems(tmp_path, **elsewhere).count("cure:") == 2
    assert "region" in problems(tmp_path, Consent(account=True), **elsewhere)
    assert "account 9" not in problems(tmp_path, Consent(account=True), **elsewhere)
    assert problems(tmp_path, Consent(account=True, region=True), **elsewhere) == ""


def test_an_older_kubernetes_may_be_restored_into_a_newer_one(tmp_path: Path) -> None:
    assert problems(tmp_path, kubernetes="1.36.9") == ""


def says(**changes: Any) -> str:
    """A manifest as somebody has written it who may write to the bucket."""
    return json.dumps({**json.loads(manifest.encode(ABOUT)), **changes})


def part(name: str, size: Any = 1) -> dict[str, Any]:
    return {"name": name, "sha256": "0" * 64, "size": size}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([part("/home/user/.bashrc")], "names a part '/home/user/.bashrc'"),
        ([part("etcd.db"), part("../../.bashrc")], "names a part '../../.bashrc'"),
        ([part("etcd.db/../x")], "names a part"),
        ([part("plain")], "names a part 'plain'"),
        ([part("")], "names a part ''"),
        ([part("manifest.json")], "names a part"),
        ([part("etcd.db"), part("etcd.db")], "names etcd.db twice"),
        ([part("seeds.json", 1 << 40)], "at most 67108864 are read"),
    ],
)
def test_the_parts_are_the_four_that_a_backup_has(parts: list[Any], why: str) -> None:
    with pytest.raises(PermanentError, match=re.escape(why)):
        manifest.decode(says(parts=parts))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 1},
        {"archive": ["x"]},
        {"kubernetes": None},
        {"key": {"kind": 5}},
        {"key": []},
        {"parts": [part("etcd.db", "1")]},
        {"parts": [part("etcd.db", -1)]},
        {"parts": [part("etcd.db", True)]},
        {"parts": 5},
        {"etcd": {"revision": "x", "hash": 1, "keys": 1}},
        {"seeds": {"a": {"version": 1, "digest": 7}}},
        {"seeds": []},
        {"format": 1e999},
    ],
)
def test_a_manifest_of_wrong_types_is_damaged_and_breaks_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="the backup is damaged"):
        manifest.decode(says(**changes))


def test_a_manifest_that_nests_for_ever_is_damaged() -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        manifest.decode("[" * 100_000)
