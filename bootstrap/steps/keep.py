"""Down, before anything goes: make secrets that are to stay independent of the environment's KMS key.

Terraform destroys that key, and with it everything that it encrypts. So what is kept is encrypted anew under
the account's own key for Parameter Store; the next `up` takes it over again (see seeds.py).
"""

from __future__ import annotations

from functools import partial

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.pace import Pace
from bootstrap.context import Context
from bootstrap.plan import Done
from bootstrap.steps import keeping

ACCOUNT_KEY = "alias/aws/ssm"
KEPT = {"bootstrap:kept": "true"}


def run(context: Context) -> Done:
    """Idempotent: what is kept already is passed over."""
    api, config = Api(context.target.client("ssm")), context.config
    there = ssm.names(api, config.ssm_prefix, config.tags) & keeping.seeds(config)
    todo = sorted(there - ssm.names(api, config.ssm_prefix, KEPT))
    values = ssm.read(api, todo)
    context.secrets.add(*values.values())
    pace = Pace(context.clock, context.cancel)
    for name in todo:
        pace.run(partial(ssm.update, api, name, values[name], ACCOUNT_KEY, {**config.tags, **KEPT}))
    return Done(f"{len(there)} secrets are to stay", changed=bool(todo))
