"""Refuse to take a living environment for one's own: a rebuild begins with nothing, a drill also ends so."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.aws import environments, state_file
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Found, survey
from bootstrap.aws.state_bucket import STATE, bucket_name, find, foreign
from bootstrap.config.model import Environment
from bootstrap.core.errors import PreflightError, Problem
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.run.target import Target
from bootstrap.steps import keeping


def run(context: Context) -> Done:
    """For a drill, which removes at its end all that it finds. Under the run lock nobody comes between.

    Raises PreflightError naming what is there.
    """
    refuse(context.config, context.target)
    return Done("nothing is there", changed=False)


def refuse(config: Environment, target: Target) -> None:
    """Raises PreflightError unless only that is there which `down` keeps."""
    account = identity(target.connect("sts")).account
    policy = keeping.policy(config, account)
    seen = occupants(config, target, account)
    problems = [*problem(config, [str(found.resource) for found in seen if not policy.reason(found)])]
    problems += _state_problem(config, target, account)
    if problems:
        what = f"a drill of {config.name} would remove what is there; nothing was touched"
        raise PreflightError(what, problems)


def occupants(config: Environment, target: Target, account: str) -> Iterator[Found]:
    """What is there of the environment, but for its record and the bucket of Terraform's state."""
    connect = target.connect
    begun = {environments.name(config), bucket_name(config.project, config.name, account)}
    for found in survey(connect, environments.owner(connect, config)):
        if found.proof.ours and found.resource.id not in begun:
            yield found


def problem(config: Environment, there: list[str]) -> Iterator[Problem]:
    if there:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        what = f"the environment is not empty: {shown}"
        yield Problem(config.name, what, f"bootstrap down --environment {config.name}")


def _state_problem(config: Environment, target: Target, account: str) -> Iterator[Problem]:
    """What Terraform made is there, even if nothing says so any more by its tags."""
    s3, bucket = target.connect("s3"), bucket_name(config.project, config.name, account)
    found = find(s3, bucket, account, config.tags)
    known = state_file.known_ids(s3, bucket, STATE) if found and not foreign(found) else ()
    if known:
        what = f"the environment is not empty: Terraform's state knows {len(known)} resources"
        yield Problem(config.name, what, f"bootstrap down --environment {config.name}")
