"""Who can open a backup: the holder of a file, or whoever may use a KMS key that outlives the environment.

Each backup has a data key of its own, kept in the manifest, wrapped. The environment's own KMS key will not
do: it goes with the environment. A KMS key is lost with its account and bound to its region; a key file is
what survives both, as long as it is kept apart from them.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.core.errors import PermanentError
from bootstrap.recovery.cipher import KEY, NONCE, private
from bootstrap.recovery.manifest import ANOTHER

DESCRIPTION = "Backups made by bootstrap; needed as long as any of them is"


class Key(Protocol):
    def new(self, bound: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """A fresh data key, and its wrapped form for the manifest."""
        ...

    def open(self, wrapped: Mapping[str, str], bound: Mapping[str, str]) -> bytes:
        """The data key again. Raises PermanentError."""
        ...


@dataclass(frozen=True)
class FileKey:
    """32 random bytes in base64. Made with the first backup where there is no such file."""

    path: Path

    def new(self, bound: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with private(self.path) as out:
                out.write(base64.b64encode(os.urandom(KEY)) + b"\n")
        data_key, nonce = os.urandom(KEY), os.urandom(NONCE)
        sealed = nonce + AESGCM(self._master()).encrypt(nonce, data_key, _text(bound))
        return data_key, {"kind": "file", "data_key": base64.b64encode(sealed).decode()}

    def open(self, wrapped: Mapping[str, str], bound: Mapping[str, str]) -> bytes:
        if wrapped.get("kind") != "file":
            raise _not_ours(wrapped, "remove `backup.key_file`, so that KMS is asked")
        sealed, master = _sealed(wrapped), AESGCM(self._master())
        try:
            return master.decrypt(sealed[:NONCE], sealed[NONCE:], _text(bound))
        except (InvalidTag, ValueError) as error:
            what = "the backup cannot be opened"
            raise PermanentError(
                what, f"{self.path} is not the key it was made with", _cure(self.path)
            ) from error

    def _master(self) -> bytes:
        try:
            key = base64.b64decode(self.path.read_bytes().strip(), validate=True)
        except OSError as error:
            why = f"{self.path}: {error.strerror}"
            raise PermanentError("the key of the backups cannot be read", why, _cure(self.path)) from error
        except binascii.Error:
            key = b""
        if len(key) != KEY:
            why = f"{self.path} is not {KEY} bytes in base64"
            raise PermanentError("the key of the backups cannot be used", why, _cure(self.path))
        return key


@dataclass(frozen=True)
class KmsKey:
    """A key of KMS by its alias, made with the first backup. It does not carry the environment's tags, so
    that `down` leaves it with the backups; `tags` say whose backups it opens."""

    api: Api
    alias: str
    tags: Mapping[str, str]

    def new(self, bound: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """Raises PermanentError when somebody else's key has the alias."""
        key = self._own() or self._make()
        made = self.api.call("generate_data_key", KeyId=key, KeySpec="AES_256", EncryptionContext=dict(bound))
        sealed = base64.b64encode(made["CiphertextBlob"]).decode()
        return made["Plaintext"], {"kind": "kms", "key": made["KeyId"], "data_key": sealed}

    def open(self, wrapped: Mapping[str, str], bound: Mapping[str, str]) -> bytes:
        if wrapped.get("kind") != "kms":
            raise _not_ours(wrapped, "name the file it was made with: `backup: {key_file: FILE}`")
        own, cure = self._own(), f"aws kms describe-key --key-id {self.alias}"
        if not own or wrapped.get("key") != own:
            # A key of somebody else's, open to us, would decrypt what that somebody has made up.
            why = f"its manifest names another key than {self.alias}, which is {own or 'not there'}"
            raise PermanentError("the backup cannot be opened", why, cure)
        try:
            found = self.api.call(
                "decrypt", CiphertextBlob=_sealed(wrapped), KeyId=own, EncryptionContext=dict(bound)
            )
        except AwsError as error:
            what = "the backup cannot be opened"
            raise PermanentError(what, f"KMS refuses to decrypt its data key: {error}", cure) from error
        key: bytes = found["Plaintext"]
        return key

    def remove(self) -> str:
        """Ask for its end: KMS waits seven days at least. Its id; empty where there is none of ours."""
        about = self._find()
        if about is None or about["KeyState"] == "PendingDeletion" or not self._is_ours(about):
            return ""
        key: str = about["KeyId"]
        self.api.call("schedule_key_deletion", KeyId=key, PendingWindowInDays=7)
        self.api.call("delete_alias", AliasName=self.alias)
        return key

    def _find(self) -> Mapping[str, str] | None:
        try:
            about: Mapping[str, str] = self.api.call("describe_key", KeyId=self.alias)["KeyMetadata"]
        except AwsError as error:
            if error.missing:
                return None
            raise
        return about

    def _is_ours(self, about: Mapping[str, str]) -> bool:
        tags = self.api.pages("list_resource_tags", "Tags", KeyId=about["KeyId"])
        return self.tags.items() <= {tag["TagKey"]: tag["TagValue"] for tag in tags}.items()

    def _own(self) -> str:
        """The key's ARN; empty where there is none. Raises PermanentError for somebody else's."""
        about = self._find()
        if about is None:
            return ""
        if not self._is_ours(about):
            why = f"it does not carry the tags {', '.join(self.tags)}"
            cure = f"aws kms describe-key --key-id {self.alias}; then remove or rename that alias"
            raise PermanentError(f"the key {self.alias} is not ours", why, cure)
        return about["Arn"]

    def _make(self) -> str:
        tags = [{"TagKey": key, "TagValue": value} for key, value in self.tags.items()]
        about: Mapping[str, str] = self.api.call("create_key", Description=DESCRIPTION, Tags=tags)[
            "KeyMetadata"
        ]
        self.api.call("enable_key_rotation", KeyId=about["KeyId"])
        self.api.call("create_alias", AliasName=self.alias, TargetKeyId=about["KeyId"])
        return about["Arn"]


def _sealed(wrapped: Mapping[str, str]) -> bytes:
    """The data key as it stands in a manifest. Raises PermanentError."""
    try:
        return base64.b64decode(wrapped["data_key"], validate=True)
    except (KeyError, ValueError) as error:
        raise PermanentError("the backup is damaged", "its data key cannot be read", ANOTHER) from error


def _text(bound: Mapping[str, str]) -> bytes:
    return "\0".join(f"{name}={bound[name]}" for name in sorted(bound)).encode()


def _cure(path: Path) -> str:
    return f"put the file there with which the backup was made: {path}"


def _not_ours(wrapped: Mapping[str, str], cure: str) -> PermanentError:
    return PermanentError("the backup cannot be opened", f"its key is of kind {wrapped.get('kind')}", cure)
