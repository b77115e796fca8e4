"""Remove one environment by what AWS shows of it: no configuration, state or cluster of it is needed.

Machines go first, so that no controller makes anew what is taken away. What the environment's own `teardown`
policy keeps, stays. All of it happens under the environment's own run lock, and the state bucket, in which
that lies, goes after everything else; last goes the record by which it was found.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.aws import environments, run_lock, ssm, state_bucket
from bootstrap.aws.environments import Record
from bootstrap.aws.errors import AwsError
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Connect
from bootstrap.core.errors import (
    LeftoverError,
    LockedError,
    PermanentError,
    Problem,
    ProblemsError,
    StuckError,
)
from bootstrap.recovery.store import Store
from bootstrap.run.context import Context
from bootstrap.run.events import ResourceChanged, ResourceKept
from bootstrap.run.step import Done
from bootstrap.steps import keep, keeping, loans, lock
from bootstrap.steps.backend import STATE_KEY
from bootstrap.steps.clearing import clear, remaining

PATIENCE = 1200.0  # seconds; machines and NAT gateways take minutes to go
SILENCE = "it has expired, and the heartbeat of that run has stayed out"


def attempt(context: Context, record: Record, failures: list[PermanentError]) -> Done:
    """As `run`; a failure is put on the list, for the others to have their turn."""
    try:
        return run(context, record)
    except PermanentError as error:
        failures.append(error)
        return Done(f"not removed: {error.what}", changed=False)


def judge(_context: Context, failures: list[PermanentError]) -> Done:
    """Raises the only failure, or LeftoverError with all of them."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise LeftoverError(f"{len(failures)} expired environments could not be removed", _all(failures))
    return Done("all is gone", changed=False)


def _all(failures: list[PermanentError]) -> list[Problem]:
    found: list[Problem] = []
    for error in failures:
        several = error.problems if isinstance(error, ProblemsError) else ()
        found += several or [Problem("", str(error), error.cure)]
    return found


def run(context: Context, record: Record) -> Done:
    """Raises LockedError while a run holds the environment, LeftoverError naming what is left, StuckError
    when AWS tells two things of it: then nothing is touched."""
    connect = context.target.connect
    if why := str(environments.rivals(connect, record)):
        raise disputed(record, why)
    account = identity(connect("sts")).account
    bucket = _Bucket(connect, record, account)
    renewal = _hold(context, bucket, record) if bucket.exists() else None
    try:
        if _has_time(context, connect, record):
            return Done(f"{record.title} was given more time", changed=False)
        _clear(context, record, _policy(record, account), bucket)
        if renewal:
            renewal.stop()  # the lock goes with its bucket
        if bucket.remove():
            context.emit(ResourceChanged(context.step, "delete", f"s3 bucket {bucket.name}", 0.0))
        if record.prefix and not _has_time(context, connect, record):  # or it is being made anew already
            ssm.delete(connect("ssm"), [record.name])
    finally:
        if renewal:
            renewal.close()
    return Done(f"{record.title} is gone")


def disputed(record: Record, why: str) -> StuckError:
    filters = ",Values=".join(("Key=tag:bootstrap:record", environments.MARK["bootstrap:record"]))
    cure = f"remove the record that is not its own: aws ssm describe-parameters --parameter-filters {filters}"
    return StuckError(f"{record.title} was left alone", why, cure)


@dataclass(frozen=True)
class _Bucket:
    """Where the environment's state and run lock lie."""

    connect: Connect
    record: Record
    account: str

    @property
    def name(self) -> str:
        return state_bucket.bucket_name(self.record.project, self.record.environment, self.account)

    def exists(self) -> bool:
        """A stranger's bucket of that name does not count."""
        found = state_bucket.find(self.connect("s3"), self.name, self.account, self.record.owner.tags)
        return found is not None and not state_bucket.foreign(found)

    def remove(self) -> bool:
        there = self.exists()
        if there:
            state_bucket.remove(self.connect("s3"), self.name)
        return there


def _hold(context: Context, bucket: _Bucket, record: Record) -> lock.LeaseRenewal | None:
    """A run at work must not have its ground removed; one whose heartbeat stays out counts as dead here.

    None when another reaper has just removed the bucket.
    """
    where = run_lock.Where(bucket.connect("s3"), bucket.name, STATE_KEY + lock.SUFFIX)
    try:
        return lock.hold(context, where, SILENCE)
    except LockedError as error:
        raise LockedError(
            f"{record.title} has expired, but is in use", error.why, "wait for that run"
        ) from error
    except AwsError as error:
        if error.missing:
            return None
        raise


def _has_time(context: Context, connect: Connect, record: Record) -> bool:
    """Somebody may have prolonged it, or made it anew, since it was looked at."""
    now = environments.read_below(connect("ssm"), record.prefix) if record.prefix else None
    return now is not None and not environments.expired([now], context.clock.now())


def _clear(context: Context, record: Record, policy: keeping.Policy, bucket: _Bucket) -> None:
    loans.recall(context, Store(bucket.connect("s3"), policy.backups_bucket, record.environment))
    if "secrets" in policy.keep:
        keep.park(context, record.prefix, record.owner.tags, policy.secrets)
    seen = clear(context, lambda found: policy.goes(found, record.name, bucket.name), PATIENCE, record.owner)
    if problems := remaining(context, seen):
        raise LeftoverError(f"{len(problems)} resources of {record.title} are left", problems)
    for found in seen.others:
        if why := policy.reason(found):
            context.emit(ResourceKept(context.step, str(found.resource), why))


def _policy(record: Record, account: str) -> keeping.Policy:
    backups = state_bucket.bucket_name(record.project, record.environment, account, keeping.BACKUPS)
    return keeping.Policy(record.keep, keeping.secrets(record.prefix, record.seeds), backups)
