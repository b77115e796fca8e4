"""The keys and certificates of a control plane, named as kubeadm names them, and its kubeconfigs."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from bootstrap.core.files import write_private
from bootstrap.local.pki.certificates import create_authority, key_pem, new_key, sign

_SERVER_HOSTS = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
    "10.96.0.1",
)


@dataclass(frozen=True)
class Leaf:
    """A client's certificate, signed by the authority `by`; a server's as well if `server`."""

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
    """The files below `folder`. Only `create` writes them."""

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
        """Make all files again: a partial set is useless."""
        names = {"ca": "kubernetes", "front-proxy-ca": "front-proxy-ca"}
        authorities = {name: create_authority(common_name) for name, common_name in names.items()}
        pairs = authorities | {
            leaf.name: sign(
                authorities[leaf.by],
                leaf.common_name,
                groups=leaf.groups,
                hosts=_SERVER_HOSTS if leaf.server else (),
            )
            for leaf in LEAVES
        }
        for name, pair in pairs.items():
            write_private(self.key(name), pair.key_pem)
            write_private(self.certificate(name), pair.pem)
        write_private(self.key("sa"), key_pem(new_key()))
        for name in KUBECONFIGS:
            write_private(self.kubeconfig(name), self._kubeconfig(name))
        write_private(self._folder / "complete", "")

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
