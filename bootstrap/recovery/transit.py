"""etcd's snapshot on its way over S3, between the control plane's machine and this one: never plain there.

    from the machine   the run makes a pair of keys for this one snapshot and hands out the public half. The
                       machine encrypts with a key of its own, which it sends along, encrypted to that half.
                       The other half never leaves this process: if the run dies, nobody can read the rest.
    to the machine     the key is part of the order in SSM, which the environment's KMS key guards.

The machine has openssl and nothing of ours, so this is the format of `openssl enc`. It has no authenticated
mode: what arrives is compared with a SHA-256 that came over SSM.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bootstrap.recovery.cipher import KEY, Unreadable, private

# What `openssl` is called with, here and in user data (terraform/modules/user-data/files/restore.sh).
OPENSSL = "enc -aes-256-ctr -pbkdf2 -iter 10000 -md sha256"
_ROUNDS, _MAGIC, _SALT, _IV = 10_000, b"Salted__", 8, 16
_BITS = 3072
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Recipient:
    """Who alone can open what a machine sends; good for one snapshot."""

    _key: RSAPrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> Recipient:
        return cls(generate_private_key(65537, _BITS))

    @property
    def public(self) -> str:
        """PEM, for the machine."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(Encoding.PEM, form).decode()

    def open(self, sent: Path, into: Path) -> None:
        """Decrypt what the machine sent: its key, encrypted to ours, and the rest. Raises Unreadable."""
        with sent.open("rb") as source:
            try:
                key = self._key.decrypt(source.read(_BITS // 8), OAEP(MGF1(SHA256()), SHA256(), None))
            except ValueError as error:
                raise Unreadable from error
            _decrypt(source, into, key.strip())


def new_key() -> str:
    """Hex, as `openssl enc -pass file:` reads it."""
    return os.urandom(KEY).hex()


def seal(source: Path, into: Path, key: str) -> None:
    salt = os.urandom(_SALT)
    encryptor = _cipher(key.encode(), salt).encryptor()
    with source.open("rb") as plain, private(into) as out:
        out.write(_MAGIC + salt)
        _pass_through(plain, encryptor, out)


def unseal(source: Path, into: Path, key: str) -> None:
    """Nothing proves that it is genuine: compare its SHA-256. Raises Unreadable."""
    with source.open("rb") as sealed:
        _decrypt(sealed, into, key.encode())


def _decrypt(source: BinaryIO, into: Path, key: bytes) -> None:
    if source.read(len(_MAGIC)) != _MAGIC or len(salt := source.read(_SALT)) != _SALT:
        raise Unreadable
    with private(into) as out:
        _pass_through(source, _cipher(key, salt).decryptor(), out)


def _cipher(key: bytes, salt: bytes) -> Cipher[CTR]:
    derived = PBKDF2HMAC(SHA256(), KEY + _IV, salt, _ROUNDS).derive(key)
    return Cipher(AES256(derived[:KEY]), CTR(derived[KEY:]))


def _pass_through(source: BinaryIO, cipher: CipherContext, out: BinaryIO) -> None:
    while chunk := source.read(_CHUNK):
        out.write(cipher.update(chunk))
    out.write(cipher.finalize())
