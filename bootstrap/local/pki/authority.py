"""A certificate authority that signs one certificate for each host that is served here.

Only programs that are given its bundle trust it. Its key lies in the platform's state folder, mode 0600,
and is deleted with it.
"""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import Self

from bootstrap.core.files import write_private
from bootstrap.local.pki.certificates import KeyPair, create_authority, server_context, sign


class Authority:
    """Open with `Authority.open`; `context(host)` is ready for a server socket. Safe to use from threads."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The authority kept in `folder`; a new one when there is none or it expires soon."""
        certificate, key = folder / "ca.pem", folder / "ca.key"
        try:
            pair = KeyPair.parse(certificate.read_bytes(), key.read_bytes())
        except (OSError, ValueError):
            pair = None
        if pair is None or pair.expires_soon:
            pair = create_authority("bootstrap local platform")
            write_private(key, pair.key_pem)
            write_private(certificate, pair.pem)
        return cls(pair)

    @property
    def pem(self) -> bytes:
        return self._pair.pem

    def context(self, host: str) -> ssl.SSLContext:
        """TLS settings of a server that is `host` (a DNS name or an IP address)."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._server_context(host)
            return self._contexts[host]

    def _server_context(self, host: str) -> ssl.SSLContext:
        pair = sign(self._pair, host[:64], hosts=[host], client=False)
        context = server_context(pair.pem, pair.key_pem)
        context.set_alpn_protocols(["http/1.1"])
        return context


def write_bundle(file: Path, authority: Authority) -> None:
    """Our own CA and those that the system trusts, so that hosts which are only tunnelled still verify."""
    write_private(file, authority.pem + system_certificates())


def system_certificates() -> bytes:
    """The PEM bundle that this machine (or the user's SSL_CERT_FILE) trusts; certifi's as a last resort."""
    paths = ssl.get_default_verify_paths()
    for candidate in (os.environ.get(paths.openssl_cafile_env), paths.cafile, paths.openssl_cafile):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_bytes()
    import certifi  # noqa: PLC0415 - only where the system has no bundle

    return Path(certifi.where()).read_bytes()
