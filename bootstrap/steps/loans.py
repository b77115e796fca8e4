"""Snapshots of etcd that lie in the bucket of backups for a machine to fetch, or for us: not for long.

A run that dies leaves its own behind. It is encrypted (recovery/transit.py), and nobody needs it any more; so
whoever holds the environment next removes it.
"""

from __future__ import annotations

from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.core.errors import BootstrapError
from bootstrap.recovery import order
from bootstrap.recovery.store import Store
from bootstrap.recovery.vault import store
from bootstrap.run.context import Context
from bootstrap.run.events import Notice


def recall_all(context: Context) -> None:
    """Of this environment, but for that of a restore which is under way: its control plane may be at it.

    What cannot be looked at now is told, and is no reason to stop.
    """
    config, target = context.config, context.target
    try:
        where = store(config, target, identity(Api(target.client("sts"))).account)
        recall(context, where, order.pending(Api(target.client("ssm")), config.ssm_prefix))
    except BootstrapError as error:
        context.emit(Notice(f"whether a snapshot of etcd was left in S3 could not be seen: {error}"))


def recall(context: Context, where: Store, wanted: str = "") -> None:
    """Remove all but the `wanted` one, and say so. Raises TemporaryError or AwsError."""
    for id_ in where.loans():
        if id_ != wanted:
            where.take_back(id_)
            told = "removed a snapshot of etcd that an earlier run left on its way"
            context.emit(Notice(f"{told}: s3://{where.bucket}/{where.loan(id_)}"))
