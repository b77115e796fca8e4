"""Remove one environment by what AWS shows of it: no configuration, state or cluster of it is needed.

Machines go first, so that no controller makes anew what is taken away. What the environment's own `teardown`
policy keeps, stays.
"""

from __future__ import annotations

from bootstrap.aws import environments, run_lock, ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.environments import Record
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Found, Proof
from bootstrap.aws.removal import command
from bootstrap.context import Context
from bootstrap.errors import LeftoverError, LockedError, Problem
from bootstrap.events import ResourceKept, ResourceLeft
from bootstrap.plan import Done
from bootstrap.steps import keep, keeping, lock
from bootstrap.steps.backend import STATE_KEY
from bootstrap.steps.clearing import clear, connection

PATIENCE = 1200.0  # seconds; machines and NAT gateways take minutes to go


def run(context: Context, record: Record) -> Done:
    """Raises LockedError while a run holds the environment, LeftoverError naming what is left."""
    connect = connection(context)
    account = identity(connect("sts")).account
    _refuse_while_held(context, record, account)
    policy = _policy(record, account)
    if "secrets" in policy.keep:
        keep.park(context, record.prefix, record.owner.tags, policy.secrets)
    left = clear(context, lambda found: _goes(found, policy, record), PATIENCE, record.owner)
    last = audit(connect, record.owner)
    strangers = (found for found in last if found.proof is Proof.INSIDE)
    if problems := [_problem(context, found) for found in (*left, *strangers)]:
        raise LeftoverError(f"{len(problems)} resources of {record.title} are left", problems)
    for found in last:
        if why := policy.reason(found):
            context.emit(ResourceKept(context.step, str(found.resource), why))
    ssm.delete(connect("ssm"), [f"{record.prefix}/{environments.NAME}"])  # while it stood, it could be found
    return Done(f"{record.title} is gone")


def _policy(record: Record, account: str) -> keeping.Policy:
    backups = state_bucket.bucket_name(record.project, record.environment, account, keeping.BACKUPS)
    return keeping.Policy(record.keep, keeping.secrets(record.prefix, record.seeds), backups)


def _goes(found: Found, policy: keeping.Policy, record: Record) -> bool:
    mine = found.proof is not Proof.INSIDE
    return mine and not policy.reason(found) and found.resource.id != f"{record.prefix}/{environments.NAME}"


def _refuse_while_held(context: Context, record: Record, account: str) -> None:
    """A run at work must not have its ground removed; one whose heartbeat stays out counts as dead here."""
    s3 = Api(context.target.client("s3"))
    name = state_bucket.bucket_name(record.project, record.environment, account)
    if state_bucket.find(s3, name, account, record.owner.tags) is None:
        return
    seen = run_lock.read(run_lock.Where(s3, name, STATE_KEY + lock.SUFFIX), context.clock.now())
    if seen and not seen.silent:
        holder = seen.holder
        why = f"{holder.who} on {holder.place.host} runs `{holder.command}` on it"
        raise LockedError(f"{record.title} has expired, but is in use", why, "wait for that run to end")


def _problem(context: Context, found: Found) -> Problem:
    why = str(found.proof) if found.proof is Proof.INSIDE else "is still there"
    context.emit(ResourceLeft(context.step, str(found.resource), why, command(found.resource)))
    return Problem(str(found.resource), why, command(found.resource))
