"""AES-256-GCM over files, as streams: nonce, ciphertext, tag. What a file is, is bound in, so that no part of
one backup passes for another."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

NONCE, TAG = 12, 16  # bytes: NIST SP 800-38D
KEY = 32  # bytes
_CHUNK = 1 << 20


class Unreadable(Exception):
    """The key is another one, or the content was changed."""


def private(path: Path) -> BinaryIO:
    """A new file for nobody else's eyes."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def seal(source: Path, into: Path, key: bytes, bound: Mapping[str, str]) -> None:
    """Encrypt a file of at most 64 GiB."""
    nonce = os.urandom(NONCE)
    encryptor = Cipher(AES256(key), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(_text(bound))
    with source.open("rb") as plain, private(into) as out:
        out.write(nonce)
        while chunk := plain.read(_CHUNK):
            out.write(encryptor.update(chunk))
        out.write(encryptor.finalize() + encryptor.tag)


def unseal(source: Path, into: Path, key: bytes, bound: Mapping[str, str]) -> None:
    """Decrypt; `into` is there only when all of it proved to be genuine. Raises Unreadable."""
    left = source.stat().st_size - NONCE - TAG
    if left < 0:
        raise Unreadable
    with source.open("rb") as sealed, private(into) as out:
        decryptor = Cipher(AES256(key), GCM(sealed.read(NONCE))).decryptor()
        decryptor.authenticate_additional_data(_text(bound))
        while chunk := sealed.read(min(_CHUNK, left)):
            left -= len(chunk)
            out.write(decryptor.update(chunk))
            if not left:
                break
        tag = sealed.read(TAG)
        try:
            out.write(decryptor.finalize_with_tag(tag))
        except InvalidTag as error:
            into.unlink()
            raise Unreadable from error


def digest(key: bytes, name: str, value: str) -> str:
    """A keyed hash of a seed: tells whether a value is the same, to those who have the key."""
    return hmac.new(key, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 in hex, and size in bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _text(bound: Mapping[str, str]) -> bytes:
    return json.dumps(dict(bound), sort_keys=True).encode()
