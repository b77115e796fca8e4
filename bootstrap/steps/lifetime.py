"""Before anything is made: write down that the environment is there, and until when.

Whoever finds the record later can remove the environment without this machine (see commands/reap.py). The
expiry is set by the first `up`; later ones keep it, unless the user names a new span.
"""

from __future__ import annotations

from bootstrap.aws import environments
from bootstrap.aws.api import Api
from bootstrap.aws.environments import Lifetime, Record
from bootstrap.config.model import Environment
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps import archive, keeping


def run(context: Context) -> Done:
    api, config = Api(context.target.client("ssm")), context.config
    before = environments.read(api, config)
    record = wanted(config, before, context.clock.now(), context.ttl)
    if record != before:
        environments.write(api, config, record)
    told = f"expires at {record.expires_at}" if record.expires_at else "stays until it is taken down"
    return Done(told, Lifetime(record), changed=record != before)


def wanted(config: Environment, before: Record | None, now: float, ttl: str = "") -> Record:
    """What the record has to say. `ttl` is the user's word now, the configuration's is for the first time."""
    span = ttl or (config.ttl if before is None else "")
    expires = environments.expiry(span, now) if span else ""
    return Record(
        project=config.project,
        environment=config.name,
        region=config.region,
        prefix=config.ssm_prefix,
        domain=config.domain,
        expires_at=expires or (before.expires_at if before else ""),
        created_at=before.created_at if before else environments.stamp(now),
        seeds=tuple(sorted(seed.name for seed in config.seeds)),
        keep=keeping.kept(config.teardown),
        archive=before.archive if before else archive.place(config, now),
    )
