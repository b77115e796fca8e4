"""After destroy: remove what Terraform does not know, then prove that nothing is left.

Removed is what carries our tags, what the cluster's controllers are proved to have made (inventory.py), the
parameters that our machines wrote, and, where the target says so, the state bucket. What is to outlive the
environment stays (keeping.py); what does not go, or is not ours, is named.
"""

from __future__ import annotations

import shutil

from bootstrap.aws import environments, ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Proof
from bootstrap.config.model import KEEP, Environment
from bootstrap.core.errors import LeftoverError
from bootstrap.recovery.keys import KmsKey
from bootstrap.recovery.vault import vault
from bootstrap.run.context import Context
from bootstrap.run.events import Notice, ResourceChanged, ResourceKept
from bootstrap.run.step import Done
from bootstrap.steps import backend, keeping, lock
from bootstrap.steps.clearing import clear, remaining

# What machines write below the prefix, without tags.
MACHINES_WRITE = ("cluster/kubeconfig", "cluster/join", "nodes/")
PATIENCE = 300.0  # seconds that AWS gets to remove what it was asked to


def run(context: Context) -> Done:
    """Raises LeftoverError naming everything that is left, with a command for each."""
    config, record = context.config, environments.name(context.config)
    sole = bool(environments.owner(context.target.connect, config).prefix)
    removed = _remove_parameters(context, record, sole)
    bucket = backend.find(context)
    account = identity(_api(context, "sts")).account
    policy = keeping.policy(config, account, bucket.bucket if bucket else "")
    seen = clear(context, lambda found: policy.goes(found, record), PATIENCE)
    if strange := [str(found.resource) for found in seen.others if found.proof is Proof.MARKED]:
        context.emit(Notice(f"left alone, not proved to be ours: {', '.join(strange)}"))
    if problems := remaining(context, seen):
        raise LeftoverError(f"{len(problems)} resources of {config.name} are left", problems)
    going = bucket.bucket if bucket and not context.target.terraform.keep_state_bucket else ""
    staying = (found for found in seen.others if found.resource.id != going)
    kept = {str(found.resource): why for found in staying if (why := policy.reason(found))}
    for resource, why in kept.items():
        context.emit(ResourceKept(context.step, resource, why))
    if "backups" not in policy.keep:
        _forget_backups_key(context, account)
    if sole:
        ssm.delete(_api(context, "ssm"), [record])  # while anything was left, it could be found
    _forget(config)
    if going:
        # Last of all: while anything was left, its state was worth keeping.
        lock.let_go(context)
        state_bucket.remove(_api(context, "s3"), going)
        return Done(f"{removed} parameters and the state bucket removed, nothing left")
    but = f"; kept {', '.join(kept)}" if kept else ""
    return Done(f"{removed} parameters removed, nothing left{but}", changed=removed > 0)


def _forget_backups_key(context: Context, account: str) -> None:
    """It opens nothing any more; unless the backups lie in a bucket of the user's own, where they stay."""
    place = vault(context.config, context.target, account)
    if place.ours and isinstance(place.key, KmsKey) and (key := place.key.remove()):
        context.emit(ResourceChanged(context.step, "delete", f"kms key {key} (of the backups)", 0.0))


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


def _remove_parameters(context: Context, record: str, sole: bool) -> int:
    """`sole`: no other environment claims the prefix, so that names below it tell whose a parameter is."""
    config, api = context.config, _api(context, "ssm")
    below = ssm.names(api, config.ssm_prefix)
    ours = ssm.names(api, config.ssm_prefix, config.tags)
    if sole:
        ours |= {name for name in below if written_by_machines(name, config.ssm_prefix)}
    staying = {record} | (keeping.seeds(config) if config.teardown.secrets == KEEP else frozenset())
    ssm.delete(api, ours - staying)
    if foreign := sorted(below - ours):
        context.emit(Notice(f"left alone, not tagged as ours: {', '.join(foreign)}"))
    return len(ours - staying)


def _api(context: Context, service: str) -> Api:
    return context.target.connect(service)
