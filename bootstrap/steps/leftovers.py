"""After destroy: remove what Terraform does not know, then prove that nothing is left.

Removed are our parameters (tagged, or written by our machines) and, where the target says so, the state
bucket. Whatever else carries our tags is named, never deleted blindly: its owner may be at work.
"""

from __future__ import annotations

import shutil

from bootstrap.aws import ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.inventory import Resource, inventory, owner
from bootstrap.config.model import Environment
from bootstrap.context import Context
from bootstrap.errors import DeadlineError, LeftoverError, Problem
from bootstrap.events import Notice
from bootstrap.plan import Done
from bootstrap.steps import backend, lock
from bootstrap.wait import Observation, until

# What machines write below the prefix, without tags.
MACHINES_WRITE = ("cluster/kubeconfig", "cluster/join", "nodes/")
_SETTLE = 120.0  # seconds that AWS gets to stop listing what was just deleted

_CURES = {
    "ec2 instance": "aws ec2 terminate-instances --instance-ids {id}",
    "ec2 volume": "aws ec2 delete-volume --volume-id {id}",
    "ec2 network interface": "aws ec2 delete-network-interface --network-interface-id {id}",
    "ec2 address": "aws ec2 release-address --allocation-id {id}",
    "ec2 NAT gateway": "aws ec2 delete-nat-gateway --nat-gateway-id {id}",
    "ec2 security group": "aws ec2 delete-security-group --group-id {id}",
    "ec2 subnet": "aws ec2 delete-subnet --subnet-id {id}",
    "ec2 VPC": "aws ec2 delete-vpc --vpc-id {id}",
    "elb load balancer": "aws elbv2 delete-load-balancer --load-balancer-arn {id}",
    "elb target group": "aws elbv2 delete-target-group --target-group-arn {id}",
    "kms key": "aws kms schedule-key-deletion --key-id {id}",
    "ssm parameter": "aws ssm delete-parameter --name {id}",
    "s3 bucket": "aws s3 rb --force s3://{id}",
}


def run(context: Context) -> Done:
    """Raises LeftoverError naming everything that is left, with a command for each."""
    removed = _remove_parameters(context)
    bucket = backend.find(context)
    keep = bucket.bucket if bucket else ""
    _prove_empty(context, keep)
    _forget(context.config)
    if bucket and not context.target.keep_state_bucket:
        # Last of all: while anything was left, its state was worth keeping.
        lock.let_go(context)
        state_bucket.remove(_api(context, "s3"), bucket.bucket)
        return Done(f"{removed} parameters and the state bucket removed, nothing left")
    kept = f"; kept the state bucket {keep}" if keep else ""
    return Done(f"{removed} parameters removed, nothing left{kept}", changed=removed > 0)


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
    ssm.delete(api, ours)
    if foreign := sorted(below - ours):
        context.emit(Notice(f"left alone, not tagged as ours: {', '.join(foreign)}"))
    return len(ours)


def _prove_empty(context: Context, keep: str) -> None:
    left: tuple[Resource, ...] = ()

    def probe() -> Observation[bool]:
        nonlocal left
        found = inventory(lambda service: _api(context, service), owner(context.config))
        left = tuple(resource for resource in found if resource.id != keep)
        return Observation(None if left else True, f"{len(left)} left, e.g. {left[0]}" if left else "")

    try:
        until(
            probe,
            what="AWS to be empty",
            deadline=min(_SETTLE, context.deadline),
            clock=context.clock,
            cancel=context.cancel,
            progress=context.progress,
        )
    except DeadlineError as error:
        problems = [Problem(str(resource), "is still there", cure(resource)) for resource in left]
        raise LeftoverError(f"{len(left)} resources of {context.config.name} are left", problems) from error


def cure(resource: Resource) -> str:
    """A command that removes it, for whoever has made sure that it may go. Pure."""
    return _CURES.get(resource.kind, "delete it in the AWS console").format(id=resource.id)


def _api(context: Context, service: str) -> Api:
    return Api(context.target.client(service))
