"""The keys and certificates of a control plane, named and used as kubeadm's, and kubeconfigs made from them.

Elliptic curve keys: quick to make, and an administrator's kubeconfig stays below the 4 KB of a standard
SSM parameter.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bootstrap.local.files import write_private

_LIFE = datetime.timedelta(days=3650)
_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1")


@dataclass(frozen=True)
class Leaf:
    """A certificate to be signed by authority `by`: a client's, and a server's too where `server`."""

    name: str
    by: str
    common_name: str
    groups: tuple[str, ...] = ()
    server: bool = False


LEAVES = (
    Leaf("etcd-server", "ca", "etcd", server=True),
    Leaf("apiserver", "ca", "kube-apiserver", server=True),
    Leaf("apiserver-etcd-client", "ca", "kube-apiserver-etcd-client"),
    Leaf("apiserver-kubelet-client", "ca", "kube-apiserver-kubelet-client", ("system:masters",)),
    Leaf("apiserver-egress-client", "ca", "kube-apiserver-egress-client"),
    Leaf("egress", "ca", "egress", server=True),
    Leaf("front-proxy-client", "front-proxy-ca", "front-proxy-client"),
    Leaf("admin", "ca", "kubernetes-admin", ("system:masters",)),
    Leaf("controller-manager", "ca", "system:kube-controller-manager"),
    Leaf("scheduler", "ca", "system:kube-scheduler"),
)
KUBECONFIGS = ("admin", "controller-manager", "scheduler")


class Pki:
    """The files below `folder`. `create` makes all of them; the rest only names them."""

    def __init__(self, folder: Path, server: str) -> None:
        self._folder, self.server = folder, server

    def certificate(self, name: str) -> Path:
        return self._folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def kubeconfig(self, name: str) -> Path:
        return self._folder / f"{name}.conf"

    def server_context(self, name: str) -> ssl.SSLContext:
        """TLS settings of a server with that certificate, for clients with one of the same authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.certificate("ca")))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate(name), self.key(name))
        return context

    def complete(self) -> bool:
        return (self._folder / "complete").exists()

    def create(self) -> None:
        """Everything anew: half a set is worth nothing."""
        authorities = {name: self._authority(name) for name in ("ca", "front-proxy-ca")}
        self._write("sa", _new_key(), None)
        for leaf in LEAVES:
            self._leaf(leaf, *authorities[leaf.by])
        for name in KUBECONFIGS:
            write_private(self.kubeconfig(name), self._kubeconfig(name))
        write_private(self._folder / "complete", "")

    def _authority(self, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key, subject = _new_key(), _name("kubernetes" if name == "ca" else name)
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write(name, key, certificate)
        return certificate, key

    def _leaf(self, leaf: Leaf, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> None:
        key = _new_key()
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ExtendedKeyUsageOID.SERVER_AUTH] * leaf.server
        builder = (
            _builder(_name(leaf.common_name, leaf.groups), authority.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if leaf.server:
            builder = builder.add_extension(_server_names(), critical=False)
        self._write(leaf.name, key, builder.sign(signer, hashes.SHA256()))

    def _write(
        self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None
    ) -> None:
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        write_private(
            self.key(name), key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        )
        if certificate is not None:
            write_private(self.certificate(name), certificate.public_bytes(pem))

    def _kubeconfig(self, name: str) -> str:
        user = {
            "client-certificate-data": _inline(self.certificate(name)),
            "client-key-data": _inline(self.key(name)),
        }
        return kubeconfig(self.server, self.certificate("ca").read_bytes(), f"kubernetes-{name}", user)


def kubeconfig(
    server: str, authority: bytes, user: str, credentials: dict[str, str], namespace: str = "default"
) -> str:
    """A kubeconfig with one cluster, user and context. JSON is YAML, and quotes what has to be quoted."""
    cluster = {"server": server, "certificate-authority-data": b64encode(authority).decode()}
    context = {"cluster": "kubernetes", "user": user, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubernetes", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": f"{user}@kubernetes", "context": context}],
        "current-context": f"{user}@kubernetes",
    }
    return json.dumps(config, indent=1) + "\n"


def _inline(file: Path) -> str:
    return b64encode(file.read_bytes()).decode()


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, groups: Sequence[str] = ()) -> x509.Name:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _server_names() -> x509.SubjectAlternativeName:
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _SERVER_ADDRESSES]
    return x509.SubjectAlternativeName([*map(x509.DNSName, _SERVER_NAMES), *addresses])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # tolerates clocks that differ a little
        .not_valid_after(now + _LIFE)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
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
