"""The environments of an account and region, known from AWS alone: a record in SSM, and tags.

The record is written before anything else is made and removed after everything else is gone, so a machine
that dies in between leaves an environment that can be found, with its expiry, from anywhere. An environment
whose record is lost is still known by the tags of what it made, and one that had come no further than its
state bucket by the tags of that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from bootstrap.aws import ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Connect, Owner
from bootstrap.config.model import KEEP, Environment, Teardown
from bootstrap.core import duration
from bootstrap.core.foreign import parse_json
from bootstrap.core.limits import RECORD_BYTES

FORMAT = 1
NAME = "bootstrap/environment"  # below the environment's prefix
MARK = {"bootstrap:record": "environment"}
EXPIRES, PREFIX = "bootstrap:expires-at", "bootstrap:ssm-prefix"
# What `teardown` keeps unless somebody says otherwise: nobody can be asked once the record is lost.
KEPT_UNASKED = tuple(
    each.name for each in fields(Teardown) if each.name != "secrets" and each.default == KEEP
)
_LISTS = ("seeds", "keep")
_PROJECT, _ENVIRONMENT = "bootstrap:project", "bootstrap:environment"


@dataclass(frozen=True)
class Record:
    """`expires_at` is RFC 3339 in UTC, empty for an environment that stays; `keep` names what `teardown`
    keeps; `archive` is where this incarnation's databases archive to (bucket/prefix). Without an SSM record
    `prefix` and `domain` are empty: then only tags tell what is its own."""

    project: str
    environment: str
    region: str
    prefix: str = ""
    domain: str = ""
    expires_at: str = ""
    created_at: str = ""
    seeds: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    archive: str = ""

    @property
    def name(self) -> str:
        """Of its parameter in SSM."""
        return below(self.prefix)

    @property
    def title(self) -> str:
        return f"{self.project}/{self.environment}"

    @property
    def owner(self) -> Owner:
        tags = {_PROJECT: self.project, _ENVIRONMENT: self.environment}
        return Owner(tags, f"{self.project}-{self.environment}", self.prefix, self.domain)

    def left(self, now: float) -> float | None:
        """Seconds until it expires, negative when it has; None when it stays.

        Raises ValueError for what is no time, or a time of no zone.
        """
        if not self.expires_at:
            return None
        moment = datetime.fromisoformat(self.expires_at)
        if moment.tzinfo is None:
            raise ValueError(f"'{self.expires_at}' names no time zone")
        return moment.timestamp() - now


@dataclass(frozen=True)
class Lifetime:
    """What a run has decided and written down."""

    record: Record


def stamp(unix_seconds: float) -> str:
    """RFC 3339, UTC, whole seconds: as Terraform's variable and the tags have it."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry(span: str, now: float) -> str:
    """When a span such as 8h, begun now, is over."""
    return stamp(now + duration.parse(span))


def name(config: Environment) -> str:
    return below(config.ssm_prefix)


def below(prefix: str) -> str:
    """The full name of the record of the environment with that prefix."""
    return f"{prefix}/{NAME}"


def encode(record: Record) -> str:
    return json.dumps({"version": FORMAT, **asdict(record)}, sort_keys=True)


def decode(text: str) -> Record | None:
    """None for what no version of ours wrote."""
    try:
        data: Mapping[str, Any] = parse_json(text, RECORD_BYTES)
        known = {key: _checked(key, data[key]) for key in Record.__dataclass_fields__ if key in data}
        return Record(**known)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _checked(key: str, given: object) -> Any:
    """Text, or for two of the fields a list of text. Raises TypeError."""
    words = given if key in _LISTS and isinstance(given, list) else [given]
    if (key in _LISTS) != isinstance(given, list) or not all(isinstance(each, str) for each in words):
        raise TypeError(f"{key} is not what it should be")
    return tuple(words) if key in _LISTS else given


def read(api: Api, config: Environment) -> Record | None:
    """The environment's own record. `api` is SSM."""
    return read_below(api, config.ssm_prefix)


def read_below(api: Api, prefix: str) -> Record | None:
    """The record below that prefix; one that says it lies elsewhere is none."""
    full = below(prefix)
    text = ssm.read(api, [full]).get(full)
    record = decode(text) if text is not None else None
    return record if record and record.prefix == prefix else None


def write(api: Api, config: Environment, record: Record) -> None:
    """What it says comes last, so that a record that says it has its tags, whenever this is killed."""
    full, said = name(config), {"Value": encode(record), "Type": "String"}
    expiry = {EXPIRES: record.expires_at} if record.expires_at else {}
    tags = {**config.tags, **MARK, **expiry}
    if not ssm.read(api, [full]):
        api.call("put_parameter", Name=full, Tags=ssm.pairs(tags), **said)
        return
    ssm.tag(api, full, tags)
    if not expiry:
        ssm.untag(api, full, [EXPIRES])
    api.call("put_parameter", Name=full, Overwrite=True, **said)


def find(connect: Connect, region: str) -> tuple[Record, ...]:
    """Every environment of the account in that region, sorted. Raises TemporaryError or AwsError."""
    found = _longest_lived(_begun(connect, region))
    found |= _longest_lived(_tagged(connect("ec2"), region))
    found |= {record.title: record for record in _records(connect("ssm"))}
    return tuple(found[title] for title in sorted(found))


def _records(api: Api) -> Iterator[Record]:
    """A copy of a record, below another prefix than it names, must not make a neighbour's things its own."""
    for full, value in ssm.read(api, sorted(ssm.names(api, tags=MARK))).items():
        record = decode(value)
        if record and full == record.name:
            yield record


def _begun(connect: Connect, region: str) -> Iterator[Record]:
    """By the tags of state buckets in which nothing has ever been but a run lock."""
    api, account = connect("s3"), identity(connect("sts")).account
    for bucket in (item["Name"] for item in api.pages("list_buckets", "Buckets")):
        if not bucket.endswith(f"-tfstate-{account}"):
            continue
        record = _record(state_bucket.tags_of(api, bucket), region)
        if record is None or bucket != state_bucket.bucket_name(record.project, record.environment, account):
            continue
        if state_bucket.region(api, bucket) == region and state_bucket.bare(api, bucket):
            yield record


def _longest_lived(records: Iterable[Record]) -> dict[str, Record]:
    """By title. Where tags disagree, as a run that gave it more time was cut short, the latest one counts."""
    found: dict[str, Record] = {}
    for record in records:
        other = found.get(record.title)
        if other is None or _patience(other) < _patience(record):
            found[record.title] = record
    return found


def _patience(record: Record) -> float:
    try:
        left = record.left(0.0)
    except ValueError:
        return math.inf
    return math.inf if left is None else left


def _tagged(api: Api, region: str) -> Iterator[Record]:
    """By the tags of VPCs and instances: what costs, and what everything else hangs on."""
    filters = [{"Name": "tag-key", "Values": [_ENVIRONMENT]}]
    machines = api.pages("describe_instances", "Reservations", Filters=filters)
    living = (
        item for group in machines for item in group["Instances"] if item["State"]["Name"] != "terminated"
    )
    for item in (*api.pages("describe_vpcs", "Vpcs", Filters=filters), *living):
        tags = {pair["Key"]: pair["Value"] for pair in item.get("Tags") or ()}
        if record := _record(tags, region):
            yield record


def _record(tags: Mapping[str, str], region: str) -> Record | None:
    """What tags tell; None where they are not ours."""
    if _PROJECT not in tags or _ENVIRONMENT not in tags:
        return None
    prefix, expires = tags.get(PREFIX, ""), tags.get(EXPIRES, "")
    return Record(tags[_PROJECT], tags[_ENVIRONMENT], region, prefix, expires_at=expires, keep=KEPT_UNASKED)


def expired(records: Iterable[Record], now: float) -> tuple[Record, ...]:
    """Those whose time is over. One with an expiry that cannot be read is never among them. Pure."""
    return tuple(record for record in records if _over(record, now))


def _over(record: Record, now: float) -> bool:
    try:
        left = record.left(now)
    except ValueError:
        return False
    return left is not None and left <= 0
