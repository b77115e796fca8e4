"""After destroy: remove what Terraform does not know, then prove that nothing is left.

Removed is what carries our tags or the marks of the cluster's controllers, the parameters that our machines
wrote, and, where the target says so, the state bucket. What is to outlive the environment stays (keeping.py);
what does not go, or is not ours, is named.
"""

from __future__ import annotations

import shutil

from bootstrap.aws import ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Found, Proof, owner
from bootstrap.aws.removal import command
from bootstrap.config.model import KEEP, Environment
from bootstrap.context import Context
from bootstrap.errors import LeftoverError, Problem
from bootstrap.events import Notice, ResourceKept, ResourceLeft
from bootstrap.plan import Done
from bootstrap.steps import backend, keeping, lock
from bootstrap.steps.clearing import clear, connection

# What machines write below the prefix, without tags.
MACHINES_WRITE = ("cluster/kubeconfig", "cluster/join", "nodes/")
PATIENCE = 300.0  # seconds that AWS gets to remove what it was asked to


def run(context: Context) -> Done:
    """Raises LeftoverError naming everything that is left, with a command for each."""
    removed = _remove_parameters(context)
    bucket = backend.find(context)
    kept = _Policy(context, bucket.bucket if bucket else "")
    left = clear(context, kept.goes, PATIENCE)
    last = audit(connection(context), owner(context.config))
    strangers = (found for found in last if found.proof is Proof.INSIDE)
    if problems := [_problem(context, found) for found in (*left, *strangers)]:
        raise LeftoverError(f"{len(problems)} resources of {context.config.name} are left", problems)
    for found in last:
        if why := kept.reason(found):
            context.emit(ResourceKept(context.step, str(found.resource), why))
    _forget(context.config)
    if bucket and not context.target.keep_state_bucket:
        # Last of all: while anything was left, its state was worth keeping.
        lock.let_go(context)
        state_bucket.remove(_api(context, "s3"), bucket.bucket)
        return Done(f"{removed} parameters and the state bucket removed, nothing left")
    staying = f"; kept {', '.join(str(found.resource) for found in last)}" if last else ""
    return Done(f"{removed} parameters removed, nothing left{staying}", changed=removed > 0)


class _Policy:
    """What stays, and what goes: only what is proved to be ours."""

    def __init__(self, context: Context, state: str) -> None:
        self._config, self._state = context.config, state
        self._account = identity(_api(context, "sts")).account

    def reason(self, found: Found) -> str:
        return keeping.reason(found, self._config, state_bucket=self._state, account=self._account)

    def goes(self, found: Found) -> bool:
        return found.proof is not Proof.INSIDE and not self.reason(found)


def _problem(context: Context, found: Found) -> Problem:
    why = str(found.proof) if found.proof is Proof.INSIDE else "is still there"
    context.emit(ResourceLeft(context.step, str(found.resource), why, command(found.resource)))
    return Problem(str(found.resource), why, command(found.resource))


def _forget(config: Environment) -> None:
    """What this machine kept to reach the environment is of no use any more."""
    config.kubeconfig.unlink(missing_ok=True)
    for trace in config.state.glob("terraform*"):
        if trace.is_dir():
            shutil.rmtree(trace)
        else:
            trace.unlink()


def written_by_machines(name: str, prefix: str) -> bool:
    """Whether a parameter is one that the machines of the environment write. Pure."""
    rest = name.removeprefix(f"{prefix}/")
    return rest != name and any(
        rest.startswith(known) if known.endswith("/") else rest == known for known in MACHINES_WRITE
    )


def _remove_parameters(context: Context) -> int:
    config, api = context.config, _api(context, "ssm")
    below = ssm.names(api, config.ssm_prefix)
    ours = ssm.names(api, config.ssm_prefix, config.tags)
    ours |= {name for name in below if written_by_machines(name, config.ssm_prefix)}
    staying = ours & keeping.seeds(config) if config.teardown.secrets == KEEP else set()
    ssm.delete(api, ours - staying)
    if foreign := sorted(below - ours):
        context.emit(Notice(f"left alone, not tagged as ours: {', '.join(foreign)}"))
    return len(ours - staying)


def _api(context: Context, service: str) -> Api:
    return Api(context.target.client(service))
