"""What the simulated account holds before the first `up`, because on AWS it outlives every environment.

These are the domain's hosted zone, which belongs to the user and carries none of our tags, and the bucket of
backups. `down` deletes the simulated account, so a folder beside the platform keeps a copy of the bucket.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bootstrap.config.model import Environment
from bootstrap.core.files import write_private

COPY = "bucket"  # folder of the copy


def furnish(route53: Any, domain: str) -> None:
    """Create the hosted zone of `domain` unless it exists. `route53` is a boto3 client."""
    zones = route53.list_hosted_zones_by_name(DNSName=domain, MaxItems="1")["HostedZones"]
    if not any(zone["Name"] == f"{domain}." for zone in zones):
        route53.create_hosted_zone(Name=domain, CallerReference=f"bootstrap-{domain}")


class Backups:
    """The bucket of an environment's backups and its copy in `folder`. `s3` and `sts` are boto3 clients."""

    def __init__(self, config: Environment, s3: Any, sts: Any) -> None:
        self._config, self._s3, self._sts = config, s3, sts
        self.folder = folder_of(config) / COPY

    def bring(self) -> None:
        """Restore the bucket from its copy. Does nothing if the bucket exists or there is no copy."""
        from bootstrap.aws import state_bucket  # noqa: PLC0415 - botocore takes a tenth of a second
        from bootstrap.aws.api import Api  # noqa: PLC0415

        files = [file for file in self.folder.rglob("*") if file.is_file()]
        bucket, api = self._bucket(), Api(self._s3)
        account = self._account()
        if not files or state_bucket.find(api, bucket, account, self._config.tags):
            return
        state_bucket.ensure(api, bucket, account, self._config.region, self._config.tags)
        for file in files:
            key = file.relative_to(self.folder).as_posix()
            self._s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())

    def keep(self) -> int:
        """Make the copy equal to the bucket. Returns the number of objects."""
        bucket = self._bucket()
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = {item["Key"] for page in pages for item in page.get("Contents", ())}
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in [file for file in self.folder.rglob("*") if file.is_file()]:
            if file.relative_to(self.folder).as_posix() not in keys:
                file.unlink()
        # Manifests last, so that an interrupted copy does not look like a backup.
        for key in sorted(keys, key=lambda key: (key.endswith(".json"), key)):
            file = self.folder / key
            if not file.exists():
                write_private(file, self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        return len(keys)

    def _bucket(self) -> str:
        from bootstrap.aws import state_bucket  # noqa: PLC0415
        from bootstrap.recovery.vault import PURPOSE  # noqa: PLC0415

        config = self._config
        return config.backup.bucket or state_bucket.bucket_name(
            config.project, config.name, self._account(), PURPOSE
        )

    def _account(self) -> str:
        return str(self._sts.get_caller_identity()["Account"])


def folder_of(config: Environment) -> Path:
    """The folder in which the backups of a local environment outlive it."""
    return config.work / "backups" / config.name
