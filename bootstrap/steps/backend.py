"""The S3 bucket for Terraform's state, with locking by a lock file beside the state (no table needed)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.aws import environments, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.run.context import Context
from bootstrap.run.step import Done

STATE_KEY = state_bucket.STATE


@dataclass(frozen=True)
class StateBackend:
    """Where Terraform's state is."""

    bucket: str
    key: str
    region: str

    def settings(self, extra: Mapping[str, str]) -> dict[str, str]:
        """For `terraform init -backend-config`; `extra` are the target's own."""
        ours = {"bucket": self.bucket, "key": self.key, "region": self.region}
        return {**ours, "encrypt": "true", "use_lockfile": "true", **extra}


def run(context: Context) -> Done:
    """Create or complete the bucket. Raises PermanentError when a bucket of that name is not ours."""
    config = context.config
    account = identity(_api(context, "sts")).account
    backend = _backend(context, account)
    # Until the environment's record is written, its bucket tells when its time is over.
    span = context.ttl or config.ttl
    expiry = environments.expiry(span, context.clock.now()) if span else ""
    first = {environments.PREFIX: config.ssm_prefix, environments.EXPIRES: expiry}
    made = state_bucket.ensure(
        _api(context, "s3"), backend.bucket, account, config.region, config.tags, first=first
    )
    summary = f"{backend.bucket}: {', '.join(made).replace('_', ' ')}" if made else backend.bucket
    return Done(summary, backend, changed=bool(made))


def find(context: Context) -> StateBackend | None:
    """The backend as it is, without making anything; None when there is no bucket of ours."""
    account = identity(_api(context, "sts")).account
    backend = _backend(context, account)
    found = state_bucket.find(_api(context, "s3"), backend.bucket, account, context.config.tags)
    return backend if found and not state_bucket.foreign(found) else None


def _backend(context: Context, account: str) -> StateBackend:
    config = context.config
    return StateBackend(
        state_bucket.bucket_name(config.project, config.name, account), STATE_KEY, config.region
    )


def _api(context: Context, service: str) -> Api:
    return context.target.connect(service)
