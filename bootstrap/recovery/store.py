"""Backups in S3, below `<environment>/<id>/`. One without its manifest, which is written last, is none."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.aws.ssm import batches
from bootstrap.core.errors import PermanentError
from bootstrap.recovery import manifest as manifests
from bootstrap.recovery.cipher import fingerprint, private
from bootstrap.recovery.manifest import Manifest, Part

_LENT = "on-loan/etcd.db"
_CHUNK = 1 << 20
_AT_ONCE = 1000  # keys a DeleteObjects call


@dataclass(frozen=True)
class Store:
    """`api` is S3. One PUT an object: 5 GB at most, and etcd itself warns above 8 GB."""

    api: Api
    bucket: str
    environment: str

    def ids(self) -> tuple[str, ...]:
        """Complete backups, oldest first. None where there is no bucket."""
        prefix = f"{self.environment}/"
        try:
            keys = [
                item["Key"].removeprefix(prefix)
                for item in self.api.pages("list_objects_v2", "Contents", Bucket=self.bucket, Prefix=prefix)
            ]
        except AwsError as error:
            if error.missing:
                return ()
            raise
        found = (key.removesuffix(f"/{manifests.NAME}") for key in keys if key.endswith(f"/{manifests.NAME}"))
        return tuple(sorted(each for each in found if manifests.ID.fullmatch(each)))

    def manifest(self, id_: str) -> Manifest:
        """Raises PermanentError when it is damaged, or of another backup than the one asked for."""
        answer = self.api.call("get_object", Bucket=self.bucket, Key=self.key(id_, manifests.NAME))
        if answer["ContentLength"] > manifests.LONGEST:
            why = f"its manifest has {answer['ContentLength']} bytes; at most {manifests.LONGEST} are read"
            raise _damaged(id_, why)
        about = manifests.decode(answer["Body"].read().decode(errors="replace"))
        if about.id != id_:
            why = f"its manifest is that of backup {about.id[:40]!r}"
            raise PermanentError(f"backup {id_} cannot be opened", why, manifests.ANOTHER)
        return about

    def put(self, id_: str, name: str, file: Path) -> Part:
        """S3 refuses what arrives otherwise than it was sent."""
        sha256, size = fingerprint(file)
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with file.open("rb") as body:
            self.api.call(
                "put_object", Bucket=self.bucket, Key=self.key(id_, name), Body=body, ChecksumSHA256=checksum
            )
        return Part(name, sha256, size)

    def put_manifest(self, manifest: Manifest) -> None:
        """The backup exists from now on."""
        body = manifests.encode(manifest).encode()
        self.api.call("put_object", Bucket=self.bucket, Key=self.key(manifest.id, manifests.NAME), Body=body)

    def get(self, id_: str, part: Part, into: Path) -> None:
        """Raises PermanentError unless it is exactly what was written."""
        try:
            answer = self.api.call("get_object", Bucket=self.bucket, Key=self.key(id_, part.name))
        except AwsError as error:
            if error.missing:
                raise _damaged(id_, f"{part.name} is missing") from error
            raise
        if why := manifests.damage(part, part.sha256, answer["ContentLength"]):
            raise _damaged(id_, why)  # before it fills the disk
        _save(answer["Body"], into)
        if why := manifests.damage(part, *fingerprint(into)):
            raise _damaged(id_, why)

    def remove(self, id_: str) -> None:
        """With every version: what is removed is gone. The manifest goes first."""
        self._erase(self.key(id_, manifests.NAME))
        self._erase(self.key(id_, ""))

    def _erase(self, prefix: str) -> None:
        for listing in ("Versions", "DeleteMarkers"):
            found = self.api.pages("list_object_versions", listing, Bucket=self.bucket, Prefix=prefix)
            doomed = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            for batch in batches(doomed, _AT_ONCE):
                self.api.call(
                    "delete_objects", Bucket=self.bucket, Delete={"Objects": list(batch), "Quiet": True}
                )

    # -- etcd's snapshot on its way to or from a machine, encrypted for it (transit.py) -----------------

    def loans(self) -> tuple[str, ...]:
        """Ids of backups that have one, in any version. None where there is no bucket."""
        found = set[str]()
        try:
            for listing in ("Versions", "DeleteMarkers"):
                which = {"Bucket": self.bucket, "Prefix": f"{self.environment}/"}
                found |= {item["Key"] for item in self.api.pages("list_object_versions", listing, **which)}
        except AwsError as error:
            if error.missing:
                return ()
            raise
        ids = (key.removeprefix(f"{self.environment}/").removesuffix(f"/{_LENT}") for key in found)
        return tuple(sorted(id_ for id_ in ids if self.loan(id_) in found))

    def loan(self, id_: str) -> str:
        """Its key."""
        return self.key(id_, _LENT)

    def lend(self, id_: str, file: Path, seconds: int) -> str:
        """Put a file where whoever has the URL can fetch it; `take_back` removes it."""
        key = self.loan(id_)
        with file.open("rb") as body:
            self.api.call("put_object", Bucket=self.bucket, Key=key, Body=body)
        url: str = self.api.client.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=seconds
        )
        return url

    def take_back(self, id_: str) -> None:
        self._erase(self.loan(id_))

    def slot(self, id_: str, seconds: int) -> str:
        """A URL to which a machine can put what `collect` fetches."""
        params = {"Bucket": self.bucket, "Key": self.loan(id_)}
        url: str = self.api.client.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)
        return url

    def collect(self, id_: str, into: Path) -> None:
        """What was put to the slot; it is gone from there then."""
        _save(self.api.call("get_object", Bucket=self.bucket, Key=self.loan(id_))["Body"], into)
        self.take_back(id_)

    def key(self, id_: str, name: str) -> str:
        return f"{self.environment}/{id_}/{name}"


def _save(body: Any, into: Path) -> None:
    with private(into) as out:
        while chunk := body.read(_CHUNK):
            out.write(chunk)


def _damaged(id_: str, why: str) -> PermanentError:
    return PermanentError(f"backup {id_} is damaged", why, manifests.ANOTHER)
