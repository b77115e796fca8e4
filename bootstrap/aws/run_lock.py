"""One run at a time on an environment, wherever it runs: an object beside Terraform's state.

Terraform's own lock guards its state and only while Terraform works; this one guards the whole run.
It is taken by a write that S3 refuses when the object exists (If-None-Match), and renewed by writes that S3
refuses when somebody else has written since (If-Match). Terraform's `use_lockfile` asks the same of S3:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

It is taken from another run only with proof that this one is dead, or when the user says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.core.errors import LockedError, TemporaryError
from bootstrap.core.foreign import parse_json
from bootstrap.core.limits import RECORD_BYTES
from bootstrap.core.machine import Place
from bootstrap.core.records import LATEST, record

FORMAT = 1
_ROUNDS = 5  # others may take or release it between our look and our write


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. Times are Unix seconds by the holder's clock, durations seconds.

    `process` is the start mark of `pid` (see `machine.py`). After `expires` without a new heartbeat the
    holder is taken to be in trouble, which is no proof that it is dead.
    """

    id: str
    who: str
    place: Place
    pid: int
    process: str
    command: str
    run: str
    started: float
    heartbeat: float
    expires: float


@dataclass(frozen=True)
class Where:
    """The object. `api` is S3."""

    api: Api
    bucket: str
    key: str


@dataclass(frozen=True)
class Written:
    etag: str
    version: str  # empty in a bucket without versions


@dataclass(frozen=True)
class Seen:
    """The lock as it is. `age` is seconds since the last heartbeat, by S3's clock where it tells."""

    holder: Holder
    written: Written
    age: float

    @property
    def silent(self) -> bool:
        """Whether its heartbeat has stayed out for longer than its holder promised."""
        return self.age > self.holder.expires - self.holder.heartbeat


@dataclass(frozen=True)
class Taken:
    """`over` is the holder it was taken from; `proof` says why that one is dead, empty by the user's word."""

    written: Written
    over: Holder | None = None
    proof: str = ""


class RunLocked(LockedError):
    """Another run holds the environment; `seen` is its lock."""

    def __init__(self, what: str, why: str, cure: str, seen: Seen) -> None:
        super().__init__(what, why, cure)
        self.seen = seen


def proof_of_death(seen: Seen, here: Place, started: Callable[[int], str | None]) -> str:
    """Why the holder cannot be alive; empty when that is not certain. Pure but for `started`.

    Certain is: the process is gone on this very machine; or this very machine was started again since, and
    the heartbeat has stayed out (a copy of the machine would go on with it).
    """
    holder, place = seen.holder, seen.holder.place
    if place == here:
        if started(holder.pid) == holder.process:
            return ""
        return f"process {holder.pid} of this machine has ended"
    if (place.host, place.machine) == (here.host, here.machine) and place.boot != here.boot and seen.silent:
        return "this machine was started again since"
    return ""


def take(
    where: Where,
    me: Holder,
    *,
    now: float,
    started: Callable[[int], str | None],
    take_over: bool = False,
    silence: str = "",
) -> Taken:
    """Hold the lock. Raises RunLocked, having changed nothing, while another run holds it.

    `silence`: why a holder whose heartbeat has stayed out counts as dead here; by default it does not.
    """
    for _ in range(_ROUNDS):
        if written := write(where, me, replaces=None):
            return Taken(written)
        seen = read(where, now)
        if seen is None:
            continue  # released just now
        if seen.holder.id == me.id:
            return Taken(seen.written)  # an earlier answer to us was lost
        proof = proof_of_death(seen, me.place, started) or (silence if seen.silent else "")
        if not (proof or take_over):
            raise _refused(seen, me.command)
        if written := write(where, me, replaces=seen.written):
            tidy(where, written)
            return Taken(written, seen.holder, proof)
    raise TemporaryError("the run lock changes hands all the time", f"s3://{where.bucket}/{where.key}")


def read(where: Where, now: float) -> Seen | None:
    """The lock, None when nobody holds it. Raises LockedError for one that cannot be read."""
    try:
        answer = where.api.call("get_object", Bucket=where.bucket, Key=where.key)
    except AwsError as error:
        if error.code == "NoSuchKey":
            return None
        raise
    return _seen(where, answer, now)


def write(where: Where, holder: Holder, *, replaces: Written | None) -> Written | None:
    """Write it if nobody holds it, or over what it `replaces`; None when it is not so any more."""
    condition = {"IfMatch": replaces.etag} if replaces else {"IfNoneMatch": "*"}
    body = json.dumps({"format": FORMAT, **asdict(holder)}, indent=1).encode()
    try:
        answer = where.api.call(
            "put_object",
            Bucket=where.bucket,
            Key=where.key,
            Body=body,
            ContentType="application/json",
            **condition,
        )
    except AwsError as error:
        if error.code in ("PreconditionFailed", "NoSuchKey"):
            return None
        raise
    return Written(answer["ETag"], answer.get("VersionId") or "")


def renew(where: Where, holder: Holder, last: Written, now: float) -> Written | None:
    """A heartbeat; None when somebody else has taken the lock."""
    alive = replace(holder, heartbeat=now, expires=now + holder.expires - holder.heartbeat)
    written = write(where, alive, replaces=last)
    if written is None:
        seen = read(where, now)
        # The answer to a heartbeat was lost, and its repetition failed for having succeeded.
        return seen.written if seen and seen.holder.id == holder.id else None
    if last.version and last.version != written.version:
        # The bucket keeps versions, and nobody wants those of a heartbeat.
        where.api.call("delete_object", Bucket=where.bucket, Key=where.key, VersionId=last.version)
    return written


def release(where: Where, holder: Holder, now: float) -> None:
    """Give it back, if it is still ours."""
    seen = read(where, now)
    if seen and seen.holder.id == holder.id:
        tidy(where, None)


def tidy(where: Where, keep: Written | None) -> None:
    """Remove the object's versions, oldest first, but the one to `keep`."""
    found: list[dict[str, Any]] = []
    for listing in ("Versions", "DeleteMarkers"):
        found += where.api.pages("list_object_versions", listing, Bucket=where.bucket, Prefix=where.key)
    for item in sorted(found, key=lambda item: (item["IsLatest"], item["LastModified"])):
        if item["Key"] == where.key and not (keep and item["VersionId"] == keep.version):
            where.api.call("delete_object", Bucket=where.bucket, Key=where.key, VersionId=item["VersionId"])


def _seen(where: Where, answer: dict[str, Any], now: float) -> Seen:
    try:
        data = parse_json(answer["Body"].read(RECORD_BYTES + 1), RECORD_BYTES)
        data.pop("format")
        holder = record(Holder, data)
        times = (holder.started, holder.heartbeat, holder.expires)
        if holder.pid <= 0 or not all(0 <= at <= LATEST for at in times):
            raise ValueError("a process or a time that cannot be")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockedError(
            f"the run lock s3://{where.bucket}/{where.key} cannot be read",
            f"it was written by another version of bootstrap: {type(error).__name__}",
            f"when no run is at work: aws s3 rm s3://{where.bucket}/{where.key}",
        ) from error
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    # S3's two clocks are one: no machine's wrong clock makes a living run look dead.
    age = now - holder.heartbeat
    if said:
        age = (parsedate_to_datetime(said) - answer["LastModified"]).total_seconds()
    return Seen(holder, Written(answer["ETag"], answer.get("VersionId") or ""), max(0.0, age))


def _refused(seen: Seen, command: str) -> RunLocked:
    holder = seen.holder
    since = datetime.fromtimestamp(holder.started, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    why = (
        f"{holder.who} on {holder.place.host} (process {holder.pid}) holds it since {since}"
        f" for `{holder.command}`, last heartbeat {seen.age:.0f} s ago"
    )
    cure = f"wait for that run to end, or stop it; to take the environment from it: {command} --take-over"
    if seen.silent:
        why += "; it seems to be dead, which cannot be proved from here"
        cure = f"when you are sure that it is dead: {command} --take-over"
    return RunLocked("the environment is being changed by another run", why, cure, seen)
