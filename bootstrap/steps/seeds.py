"""Seed SSM Parameter Store: only differences are written, each as a SecureString under the stack's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.environments import stamp
from bootstrap.aws.errors import AwsError
from bootstrap.aws.pace import Pace
from bootstrap.aws.secret_age import MADE
from bootstrap.config import passwords
from bootstrap.config.files import read_value
from bootstrap.config.seeds import PlannedSeed, Sources, Write, plan_seeds, preview_seeds
from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps import backend, keeping
from bootstrap.steps.keep import KEPT
from bootstrap.steps.restore import restored_seeds
from bootstrap.steps.terraform import Outputs
from bootstrap.terraform.stack import open_stack

KEY_OUTPUT = "kms_key_arn"
_SAY_EVERY = 2.0  # seconds


def sources(context: Context) -> Sources:
    """Where values come from on this machine."""
    return Sources(context.supplied, read_value, passwords.generate)


def run(context: Context) -> Done:
    """Write what differs. Raises SeedsError naming every seed that cannot be made, before any is written."""
    told = context.results.get(Outputs).values
    api = Api(context.target.client("ssm"))
    restored = restored_seeds(context)
    plan = plan_seeds(context.config.seeds, told, existing(context, api), sources(context), restored)
    context.secrets.add(*plan.secrets)
    if plan.writes:
        _write(context, api, plan.writes, _key(told))
    _adopt(context, api, _key(told))
    told_so = f", {len(restored)} of them as in the backup" if restored else ""
    return Done(
        f"{len(plan.writes)} written, {len(plan.unchanged)} unchanged{told_so}", changed=bool(plan.writes)
    )


def _adopt(context: Context, api: Api, key: str) -> None:
    """Secrets that outlived an earlier environment are encrypted under this one's key again (see keep.py)."""
    for name in sorted(ssm.names(api, context.config.ssm_prefix, KEPT) & keeping.seeds(context.config)):
        value = ssm.read(api, [name])[name]
        context.secrets.add(value)
        Pace(context.clock, context.cancel).run(
            partial(ssm.update, api, name, value, key, context.config.tags)
        )
        ssm.untag(api, name, KEPT)


def seeds_preview(context: Context) -> tuple[PlannedSeed, ...]:
    """What `run` would do, by full name only. Writes nothing; raises TemporaryError, PermanentError."""
    there = existing(context, Api(context.target.client("ssm")))
    planned = preview_seeds(context.config.seeds, outputs(context), there, sources(context))
    return tuple(replace(seed, name=f"{context.config.ssm_prefix}/{seed.name}") for seed in planned)


def outputs(context: Context) -> Mapping[str, Any]:
    """Terraform's, asked now; none where there is no state."""
    found = backend.find(context)
    return open_stack(context, found.settings(context.target.terraform.backend)).outputs() if found else {}


def existing(context: Context, api: Api) -> dict[str, str]:
    """Present values by name below the prefix."""
    prefix = f"{context.config.ssm_prefix}/"
    found = ssm.read(api, (prefix + seed.name for seed in context.config.seeds))
    return {name.removeprefix(prefix): value for name, value in found.items()}


def _key(outputs: Mapping[str, Any]) -> str:
    key = outputs.get(KEY_OUTPUT)
    if not key:
        what, why = "cannot encrypt the seeds", f"the Terraform stack has no output {KEY_OUTPUT}"
        raise PermanentError(what, why, f"add the output {KEY_OUTPUT}: the ARN of a KMS key")
    return str(key)


def _write(context: Context, api: Api, writes: tuple[Write, ...], key: str) -> None:
    pace = Pace(context.clock, context.cancel)
    said = context.clock.monotonic()
    for number, write in enumerate(writes, start=1):
        pace.run(partial(_put, context, api, write, key))
        if context.clock.monotonic() - said > _SAY_EVERY:
            said = context.clock.monotonic()
            context.progress(f"wrote {number} of {len(writes)} parameters")


def _put(context: Context, api: Api, write: Write, key: str) -> None:
    put = ssm.create if write.new else ssm.update
    name = f"{context.config.ssm_prefix}/{write.name}"
    try:
        put(api, name, write.value, key, {**context.config.tags, MADE: stamp(context.clock.now())})
    except AwsError as error:
        if error.code != "ParameterAlreadyExists":
            raise
        # Somebody was faster: what is there is looked at again, and kept if it is a generated value.
        raise TemporaryError(f"{name} was made by somebody else just now", cure=error.cure) from error
