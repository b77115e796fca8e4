"""Which loopback ports a platform uses: one block of consecutive ports, chosen once.

Blocks lie below the kernel's range for outgoing connections (32768 and up on Linux), so nobody's client
socket takes one by chance. The first candidate depends on the state folder's path, so two platforms that
choose at the same moment start looking in different places.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bootstrap.core.errors import StuckError
from bootstrap.core.files import read_json, write_private

NAMES = (
    "aws",
    "upstream",
    "egress",
    "etcd",
    "etcd-peer",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "argocd-redis",
    "argocd-repo-server-metrics",
    "argocd-application-controller",
    "argocd-applicationset-controller",
    "argocd-applicationset-controller-metrics",
    "argocd-applicationset-controller-webhook",
    "argocd-server",
    "argocd-server-metrics",
    "external-secrets",
    "external-secrets-health",
    "external-secrets-webhook",
    "external-secrets-webhook-metrics",
    "external-secrets-webhook-health",
    "external-secrets-cert-controller",
    "external-secrets-cert-controller-health",
)
BLOCK = 32
FIRST, LAST = 20000, 32768

Ports = Mapping[str, int]


def locate(file: Path, free: Callable[[int], bool] | None = None) -> Ports:
    """The ports saved in `file`, else a free block. Writes nothing. Raises StuckError if none is free.

    `free` tells whether a port is free.
    """
    kept = read_json(file)
    if isinstance(kept, dict) and set(NAMES) <= set(kept):
        return {name: int(kept[name]) for name in NAMES}
    is_free = free or bindable
    for start in candidates(str(file)):
        block = {name: start + index for index, name in enumerate(NAMES)}
        if all(is_free(port) for port in block.values()):
            return block
    raise StuckError(
        f"no {BLOCK} consecutive ports of 127.0.0.1 are free between {FIRST} and {LAST}",
        cure="stop another local platform: bootstrap down",
    )


def keep(file: Path, ports: Ports) -> None:
    write_private(file, json.dumps(dict(ports), indent=2) + "\n")


def candidates(seed: str) -> Iterator[int]:
    """The first port of every block, beginning with a block that depends on `seed`."""
    blocks = (LAST - FIRST) // BLOCK
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    return (FIRST + (start + index) % blocks * BLOCK for index in range(blocks))


def bindable(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what every server here does too
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
