"""Before anything goes: make secrets that are to stay independent of the environment's KMS key.

That key goes with the environment, and with it everything that it encrypts. So what is kept is encrypted anew
under the account's own key for Parameter Store; the next `up` takes it over again (see seeds.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.pace import Pace
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps import keeping

ACCOUNT_KEY = "alias/aws/ssm"
KEPT = {"bootstrap:kept": "true"}


def run(context: Context) -> Done:
    """Idempotent: what is kept already is passed over."""
    config = context.config
    return park(context, config.ssm_prefix, config.tags, keeping.seeds(config))


def park(context: Context, prefix: str, tags: Mapping[str, str], secrets: Collection[str]) -> Done:
    """The same for any environment; `secrets` are full names below its prefix."""
    api = Api(context.target.client("ssm"))
    there = ssm.names(api, prefix, tags) & frozenset(secrets)
    todo = sorted(there - ssm.names(api, prefix, KEPT))
    values = ssm.read(api, todo)
    context.secrets.add(*values.values())
    pace = Pace(context.clock, context.cancel)
    for name in todo:
        pace.run(partial(ssm.update, api, name, values[name], ACCOUNT_KEY, {**tags, **KEPT}))
    return Done(f"{len(there)} secrets are to stay", changed=bool(todo))
