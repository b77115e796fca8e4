"""What AWS tells of environments: records and tags, and whose time is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.aws import environments, ssm
from bootstrap.aws.api import Api
from bootstrap.aws.environments import Record, decode, encode, expired, find, stamp
from bootstrap.core import duration
from tests.aws_context import REGION, client, environment

KEPT = ("backups", "zones")
NOW = 1_790_000_000.0


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def connect(service: str) -> Api:
    return Api(client(service))


def vpc(**tags: str) -> None:
    pairs = [{"Key": f"bootstrap:{key.replace('_', '-')}", "Value": text} for key, text in tags.items()]
    client("ec2").create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs}]
    )


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("8h", 28800), ("2d", 172800), ("1h30m", 5400)])
def test_spans(text: str, seconds: float) -> None:
    assert duration.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "8 h", "-1h", "0m", "1y", "8h!"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        duration.parse(text)


names = st.text("abc-", min_size=1, max_size=8)


@given(names, names, st.lists(names).map(tuple), st.sampled_from(["", stamp(NOW)]))
def test_a_record_survives_writing(project: str, which: str, seeds: tuple[str, ...], expiry: str) -> None:
    record = Record(project, which, REGION, "/p", "d", expiry, stamp(NOW), seeds, ("backups",))
    assert decode(encode(record)) == record


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"project": 1}', "not json"])
def test_what_is_no_record(text: str) -> None:
    assert decode(text) is None


@given(st.floats(-1e6, 1e6))
def test_only_what_is_over_is_over(offset: float) -> None:
    record = Record("p", "e", REGION, expires_at=stamp(NOW + offset))
    over = expired([record], NOW)
    assert bool(over) is (int(NOW + offset) <= NOW)


@pytest.mark.parametrize("expiry", ["", "soon", "2026-99-99T00:00:00Z"])
def test_without_a_time_nothing_is_ever_over(expiry: str) -> None:
    assert expired([Record("p", "e", REGION, expires_at=expiry)], 1e12) == ()


def test_records_and_tags_are_found_and_the_record_wins(aws: None, tmp_path: Path) -> None:
    config = environment(tmp_path)
    api = connect("ssm")
    mine = Record("eco2", "dev", REGION, "/eco2/dev", "dev.example.com", stamp(NOW))
    environments.write(api, config, mine)
    vpc(project="eco2", environment="dev", expires_at=stamp(NOW + 9))
    vpc(project="eco2", environment="lost", expires_at=stamp(NOW + 5))
    vpc(project="eco2")
    found = find(connect, REGION)
    assert found == (mine, Record("eco2", "lost", REGION, expires_at=stamp(NOW + 5), keep=KEPT))
    assert environments.read(api, config) == mine


def test_a_record_is_rewritten_in_place(aws: None, tmp_path: Path) -> None:
    config, api = environment(tmp_path), connect("ssm")
    first = Record("eco2", "dev", REGION, "/eco2/dev", expires_at=stamp(NOW))
    environments.write(api, config, first)
    environments.write(api, config, replace(first, expires_at=""))
    tags: list[Any] = client("ssm").list_tags_for_resource(
        ResourceType="Parameter", ResourceId="/eco2/dev/bootstrap/environment"
    )["TagList"]
    assert environments.EXPIRES not in {tag["Key"] for tag in tags}
    assert environments.read(api, config) == replace(first, expires_at="")


class Killed(Exception):
    """In place of a call."""


class Dying:
    """A boto3 client that makes so many calls, then none."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client, self._left = client, calls

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise Killed
            return getattr(self._client, operation)(**parameters)

        return call


@pytest.mark.parametrize("before", ["", stamp(NOW)])
@pytest.mark.parametrize("calls", range(4))
def test_a_record_that_says_it_has_its_tags_however_it_was_cut_short(
    aws: None, tmp_path: Path, before: str, calls: int
) -> None:
    config, api = environment(tmp_path), connect("ssm")
    wanted = Record("eco2", "dev", REGION, "/eco2/dev", expires_at=stamp(NOW + 9))
    if before:
        environments.write(api, config, replace(wanted, expires_at=before))
    with suppress(Killed):
        environments.write(Api(Dying(client("ssm"), calls)), config, wanted)
    if environments.read(api, config) != wanted:
        environments.write(api, config, wanted)  # as the next run does
    name = "/eco2/dev/bootstrap/environment"
    assert ssm.tags(api, name) == {**config.tags, **environments.MARK, environments.EXPIRES: stamp(NOW + 9)}
    assert find(connect, REGION) == (wanted,)


def test_tags_that_disagree_count_as_the_longest_life(aws: None) -> None:
    """A run that gave it more time was cut short: half of the tags are old, and the record is lost."""
    vpc(project="eco2", environment="lost", expires_at=stamp(NOW))
    vpc(project="eco2", environment="lost", expires_at=stamp(NOW + 9))
    vpc(project="eco2", environment="kept", expires_at=stamp(NOW))
    vpc(project="eco2", environment="kept")
    found = {record.title: record.expires_at for record in find(connect, REGION)}
    assert found == {"eco2/lost": stamp(NOW + 9), "eco2/kept": ""}


def test_a_copied_record_makes_nothing_of_a_neighbours_its_own(aws: None, tmp_path: Path) -> None:
    config = environment(tmp_path)
    environments.write(
        connect("ssm"), config, Record("eco2", "dev", REGION, "/eco2/prod", expires_at=stamp(0))
    )
    assert find(connect, REGION) == ()
    assert environments.read(connect("ssm"), config) is None


@pytest.mark.parametrize(
    "changes", [{"expires_at": 5}, {"keep": "secrets"}, {"seeds": [1]}, {"prefix": None}, {"project": ["x"]}]
)
def test_a_record_of_wrong_types_is_none_and_breaks_nothing(changes: dict[str, Any]) -> None:
    good = json.loads(encode(Record("eco2", "dev", REGION, "/eco2/dev")))
    assert decode(json.dumps(good)) is not None
    assert decode(json.dumps({**good, **changes})) is None


def test_a_time_of_no_zone_is_left_alone() -> None:
    assert expired([Record("eco2", "dev", REGION, expires_at="2001-01-01T00:00:00")], NOW) == ()


def test_without_a_prefix_nothing_is_known_by_it() -> None:
    assert {} not in Record("eco2", "dev", REGION).owner.marks
    assert all(all(mark.values()) for mark in Record("eco2", "dev", REGION).owner.marks)


def put(name: str, record: Record) -> None:
    """A record as anybody may write it who may write parameters."""
    marks = [{"Key": key, "Value": value} for key, value in environments.MARK.items()]
    client("ssm").put_parameter(Name=name, Value=encode(record), Type="String", Tags=marks)


LIVING = Record("eco2", "dev", REGION, "/eco2/dev", "dev.example.com", stamp(NOW + 9))


@pytest.mark.parametrize("prefix", ["/aaa", "/zzz", "/eco2/dev/x"])
@pytest.mark.parametrize("expiry", ["", stamp(NOW + 9), stamp(NOW - 9)])
def test_a_second_record_of_one_name_makes_nothing_removable(aws: None, prefix: str, expiry: str) -> None:
    genuine = replace(LIVING, expires_at=expiry)
    put("/eco2/dev/bootstrap/environment", genuine)
    put(f"{prefix}/bootstrap/environment", replace(genuine, prefix=prefix, expires_at=stamp(NOW - 99)))
    (found,) = find(connect, REGION)
    assert replace(found, disputed="") == genuine, "the longest life is shown"
    assert found.disputed == f"it is claimed below {' and '.join(sorted((prefix, '/eco2/dev')))}"
    assert expired([found], NOW) == ()
    assert str(environments.rivals(connect, genuine)) == found.disputed


def test_a_record_of_a_neighbours_prefix_or_cluster_name_makes_nothing_removable(aws: None) -> None:
    put("/eco2/dev/bootstrap/environment", LIVING)
    vpc(project="night", environment="x", ssm_prefix="/eco2/dev", expires_at=stamp(NOW - 9))
    put("/p/bootstrap/environment", Record("eco2-dev", "a", REGION, "/p", expires_at=stamp(NOW - 9)))
    put("/q/bootstrap/environment", Record("eco2", "dev-a", REGION, "/q", expires_at=stamp(NOW - 9)))
    found = {record.title: record.disputed for record in find(connect, REGION)}
    assert found == {
        "eco2/dev": "its SSM prefix is claimed by night/x, too",
        "night/x": "its SSM prefix is claimed by eco2/dev, too",
        "eco2-dev/a": "its cluster is named like that of eco2/dev-a",
        "eco2/dev-a": "its cluster is named like that of eco2-dev/a",
    }
    assert expired(find(connect, REGION), NOW) == ()


def test_machines_that_name_another_prefix_than_the_record_contradict_it(aws: None) -> None:
    """The genuine record is lost, and somebody has written one."""
    vpc(project="eco2", environment="dev", ssm_prefix="/eco2/dev")
    put("/zzz/bootstrap/environment", replace(LIVING, prefix="/zzz", expires_at=stamp(0)))
    assert [bool(record.disputed) for record in find(connect, REGION)] == [True]
    assert expired(find(connect, REGION), NOW) == ()


def test_a_record_of_another_region_is_none_here(aws: None) -> None:
    put("/eco2/dev/bootstrap/environment", replace(LIVING, region="eu-west-1", expires_at=stamp(0)))
    assert find(connect, REGION) == ()


def test_that_it_is_disputed_is_neither_written_nor_read() -> None:
    assert "disputed" not in json.loads(encode(replace(LIVING, disputed="x")))
    assert decode(json.dumps({**json.loads(encode(LIVING)), "disputed": "x"})) == LIVING


@pytest.mark.parametrize(
    "text", ["[" * 8000, '{"project": "a\\u001b[2J", "environment": "b", "region": "c"}']
)
def test_what_cannot_be_read_or_shown_is_no_record(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize("how", ["record", "machine", "nobody"])
def test_a_prefix_that_another_environment_has_proves_nothing(aws: None, tmp_path: Path, how: str) -> None:
    """A configuration that names a neighbour's prefix, by mistake or not."""
    if how == "record":
        put("/eco2/dev/bootstrap/environment", Record("night", "x", REGION, "/eco2/dev"))
    if how == "machine":
        vpc(project="night", environment="x", ssm_prefix="/eco2/dev")
    put("/other/bootstrap/environment", Record("night", "y", REGION, "/other"))
    found = environments.owner(connect, environment(tmp_path))
    assert found.prefix == ("/eco2/dev" if how == "nobody" else "")
