"""X.509 certificates: authorities, and what they sign.

Elliptic curve keys: quick to make, and an administrator's kubeconfig stays below the 4 KB of a standard
SSM parameter.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_LIFE = 3650 * _DAY
_RENEW_BEFORE = 60 * _DAY


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def parse(cls, certificate: bytes, key: bytes) -> Self:
        """Raises ValueError if one of them is not PEM, or the key belongs to another certificate."""
        pair = cls(x509.load_pem_x509_certificate(certificate), _parse_key(key))
        if pair.key.public_key() != pair.certificate.public_key():
            raise ValueError("the key does not belong to the certificate")
        return pair

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)

    @property
    def expires_soon(self) -> bool:
        return self.certificate.not_valid_after_utc - _RENEW_BEFORE < _now()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(pem, form, serialization.NoEncryption())


def create_authority(common_name: str) -> KeyPair:
    """A new authority, signed by itself."""
    key, subject = new_key(), _subject(common_name, ())
    builder = _builder(subject, subject, key, ca=True).add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return KeyPair(builder.sign(key, hashes.SHA256()), key)


def sign(
    authority: KeyPair,
    common_name: str,
    *,
    groups: Sequence[str] = (),
    hosts: Sequence[str] = (),
    client: bool = True,
) -> KeyPair:
    """A new certificate: a server's for `hosts` (DNS names and IP addresses), a client's if `client`.

    Kubernetes reads a client's user from `common_name` and its groups from the organisations.
    """
    key = new_key()
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH] * client + [ExtendedKeyUsageOID.SERVER_AUTH] * bool(hosts)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(_subject(common_name, groups), authority.certificate.subject, key, ca=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(issuer, critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(map(_alternative, hosts)), critical=False)
    return KeyPair(builder.sign(authority.key, hashes.SHA256()), key)


def dns_names(certificate: bytes) -> list[str]:
    """The DNS names that a certificate (PEM) is for. Raises ValueError when it is not a certificate."""
    extensions = x509.load_pem_x509_certificate(certificate).extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def public_key_hash(certificate: bytes) -> str:
    """The SHA-256 of a certificate's (PEM) public key, in hex."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).hexdigest()


class _Connection(ssl.SSLSocket):
    """Closes itself when the client is gone before the handshake begins: Python would leave it open."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except OSError:
            if self.version() is None:
                self.close()
            raise


def server_context(certificate: bytes, key: bytes) -> ssl.SSLContext:
    """TLS settings of a server with that certificate (PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _Connection
    # The ssl module reads certificates only from files; this one is private and exists for a moment.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _parse_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")
    return key


def _subject(common_name: str, groups: Sequence[str]) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.CertificateBuilder:
    start = _now() - _DAY  # tolerates clocks that differ a little
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFE)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
