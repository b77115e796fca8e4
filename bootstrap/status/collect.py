"""Looks at what is up: the world is asked, not a journal. Changes nothing."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.aws import environments, secret_age
from bootstrap.aws.api import Api
from bootstrap.config.model import Environment
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.kubernetes.client import Cluster
from bootstrap.run.folder import runs_of
from bootstrap.run.history import learn
from bootstrap.run.target import Part, Target
from bootstrap.status import overview
from bootstrap.status.model import Status


def collect(config: Environment, target: Target) -> Status:
    """Look at everything that is up. Changes nothing; what cannot be reached is a part that is down."""
    seen = _cluster(config, target)
    return _with_account(seen, config, target) if target.exists() else seen


def _with_account(seen: Status, config: Environment, target: Target) -> Status:
    """What only AWS knows, where it answers."""
    try:
        api = Api(target.client("ssm"))
        record = environments.read(api, config)
        due = secret_age.due(api, config, SystemClock().now())
    except (TemporaryError, PermanentError):
        return seen
    return replace(seen, expires_at=record.expires_at if record else "", due=tuple(map(str, due)))


def _cluster(config: Environment, target: Target) -> Status:
    parts = tuple(target.shown.parts())
    if not config.kubeconfig.exists():
        return Status(config.name, target.name, (*parts, Part("API server", "down", "no kubeconfig yet")))
    try:
        seen = overview.take(Cluster.from_kubeconfig(config.kubeconfig), config, commit_of(target))
    except (TemporaryError, PermanentError) as error:
        return Status(config.name, target.name, (*parts, Part("API server", "down", str(error))))
    usual = {wave: stats.median for wave, stats in learn(runs_of(config)).waves.items()}
    return Status(
        config.name, target.name, (*parts, *seen.parts), seen.nodes, seen.apps, seen.problems, usual
    )


def commit_of(target: Target) -> str:
    """What the Applications should be at; empty when it cannot be told from here."""
    try:
        return target.revision()
    except (TemporaryError, PermanentError):
        return ""
