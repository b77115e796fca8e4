"""The way to an environment's backups: which bucket, whose key. Names only; nothing is made here."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.aws.api import Api
from bootstrap.aws.state_bucket import bucket_name
from bootstrap.config.model import Environment
from bootstrap.recovery.keys import FileKey, Key, KmsKey
from bootstrap.recovery.store import Store
from bootstrap.run.target import Target

PURPOSE = "backups"  # of the bucket, in its name


@dataclass(frozen=True)
class Vault:
    """`ours`: the bucket is made and kept in order by us."""

    store: Store
    key: Key
    ours: bool


def vault(config: Environment, target: Target, account: str) -> Vault:
    file = config.backup.key_file or target.backup_key
    key: Key
    if file:
        key = FileKey(file)
    else:
        marks = {"bootstrap:backups-of": f"{config.project}/{config.name}"}
        key = KmsKey(Api(target.client("kms")), f"alias/{config.project}-{config.name}-{PURPOSE}", marks)
    return Vault(store(config, target, account), key, ours=config.backup.bucket is None)


def store(config: Environment, target: Target, account: str) -> Store:
    bucket = config.backup.bucket or bucket_name(config.project, config.name, account, PURPOSE)
    owner = config.backup.bucket_owner or account
    return Store(Api(target.client("s3"), owner), bucket, config.name)


def archives(config: Environment) -> str:
    """Below what (bucket/prefix) the databases of every incarnation archive; empty where they do not."""
    if config.archive is None:
        return ""
    return f"{config.archive.bucket}/{config.archive.prefix}/{config.project}/{config.name}"
