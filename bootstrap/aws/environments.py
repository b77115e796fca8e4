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
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bootstrap.aws import inventory, ssm, state_bucket
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
EXPIRES, PREFIX = "bootstrap:expires-at", inventory.PREFIX
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
    `prefix` and `domain` are empty: then only tags tell what is its own. `disputed` is never written: it says
    what in AWS contradicts the record, and what is disputed never counts as expired."""

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
    disputed: str = ""

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
    said = {key: value for key, value in asdict(record).items() if key != "disputed"}
    return json.dumps({"version": FORMAT, **said}, sort_keys=True)


def decode(text: str) -> Record | None:
    """None for what no version of ours wrote."""
    try:
        data: Mapping[str, Any] = parse_json(text, RECORD_BYTES)
        written = Record.__dataclass_fields__.keys() - {"disputed"}
        return Record(**{key: _checked(key, data[key]) for key in written if key in data})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _checked(key: str, given: object) -> Any:
    """Text that can be shown, or for two of the fields a list of such. Raises TypeError."""
    words = given if key in _LISTS and isinstance(given, list) else [given]
    shown = all(isinstance(each, str) and each.isprintable() for each in words)
    if (key in _LISTS) != isinstance(given, list) or not shown:
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
    """Every environment of the account in that region, sorted. Raises TemporaryError or AwsError.

    One that is claimed twice is there once, as the claim with the longest life has it, and is `disputed`.
    """
    begun, tagged, recorded = (tuple(each) for each in _sources(connect, region))
    found = _longest_lived(begun) | _longest_lived(tagged) | _longest_lived(recorded)
    claims = (*begun, *tagged, *recorded)
    return tuple(
        replace(found[title], disputed=str(_rivals(found[title], claims))) for title in sorted(found)
    )


class Rivals(NamedTuple):
    """Who else claims what a record says is its own: `below` are all prefixes below which its name is
    claimed, if there is more than one; the others are titles. In words when printed, empty without any."""

    below: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = (
            (self.below, "it is claimed below", ""),
            (self.prefix, "its SSM prefix is claimed by", ", too"),
            (self.cluster, "its cluster is named like that of", ""),
        )
        return "; ".join(f"{what} {' and '.join(who)}{more}" for who, what, more in told if who)


def rivals(connect: Connect, record: Record) -> Rivals:
    """What in AWS contradicts that record now. Raises TemporaryError or AwsError."""
    return _rivals(record, [claim for source in _sources(connect, record.region) for claim in source])


def owner(connect: Connect, config: Environment) -> Owner:
    """By what the environment's resources are known; not by a prefix that another one has, too."""
    known = inventory.owner(config)
    return replace(known, prefix="") if contested(connect, config).prefix else known


def contested(connect: Connect, config: Environment) -> Rivals:
    """As `rivals`, asking for nothing that whoever makes one environment may not see: other environments'
    records are known by their names and tags only."""
    api, region = connect("ssm"), config.region
    mine = Record(config.project, config.name, region, config.ssm_prefix)
    there = decode(ssm.read(api, [mine.name]).get(mine.name, ""))
    named = (full.removesuffix(f"/{NAME}") for full in ssm.names(api, tags={**config.tags, **MARK}))
    claims = [replace(mine, prefix=prefix) for prefix in named]
    return _rivals(mine, [*claims, *([there] if there else ()), *_tagged(connect("ec2"), region)])


def _sources(connect: Connect, region: str) -> tuple[Iterable[Record], ...]:
    """What claims to be an environment, least trusted first."""
    return _begun(connect, region), _tagged(connect("ec2"), region), _records(connect("ssm"), region)


def _rivals(record: Record, claims: Iterable[Record]) -> Rivals:
    """Whoever wrote the second claim wants the first one's things, or is about to lose its own. Pure."""
    below, prefix, cluster = {record.prefix}, set[str](), set[str]()
    for claim in claims:
        if claim.title == record.title:
            below.add(claim.prefix)
        elif claim.prefix and claim.prefix == record.prefix:
            prefix.add(claim.title)
        elif claim.owner.cluster == record.owner.cluster:
            cluster.add(claim.title)
    several = sorted(below - {""})
    return Rivals(tuple(several if len(several) > 1 else ()), tuple(sorted(prefix)), tuple(sorted(cluster)))


def _records(api: Api, region: str) -> Iterator[Record]:
    """A copy of a record, below another prefix than it names, or in another region, must not make a
    neighbour's things its own."""
    for full, value in ssm.read(api, sorted(ssm.names(api, tags=MARK))).items():
        record = decode(value)
        if record and full == record.name and record.region == region:
            yield record


def _begun(connect: Connect, region: str) -> Iterator[Record]:
    """By the tags of state buckets in which nothing has ever been but a run lock."""
    account = identity(connect("sts")).account
    api = replace(connect("s3"), owner=account)
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
    """Those whose time is over. One with an expiry that cannot be read, or that is disputed, is never among
    them. Pure."""
    return tuple(record for record in records if _over(record, now))


def _over(record: Record, now: float) -> bool:
    try:
        left = record.left(now)
    except ValueError:
        return False
    return left is not None and left <= 0 and not record.disputed
