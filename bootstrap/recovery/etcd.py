"""etcd's snapshots: are they whole, what is in them, and what of them must not come back.

A snapshot is etcd's database file with its SHA-256 behind it
(https://etcd.io/docs/v3.6/op-guide/recovery/#snapshotting-the-keyspace).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from bootstrap.core.errors import PermanentError
from bootstrap.core.wait import Observation
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store

Wait = Callable[[Callable[[], Observation[str]], str], str]  # `Context.wait`: a probe, and what is waited for
TakeSnapshot = Callable[[Store, str, Path, Wait], EtcdStatus]  # where backups lie, its id, the file to write

# More than any cluster writes between a snapshot and its loss: an informer that has seen a later revision of
# the lost cluster must not meet that number again with another meaning
# (https://etcd.io/docs/v3.6/op-guide/recovery/#restoring-with-revision-bump).
BUMP = 1_000_000_000
_DIGEST, _SECTOR = 32, 512  # bytes

# What spoke of machines that are gone. Nodes register anew, their pods are made anew by whoever owns them,
# and nobody waits for the leases of the dead. It is removed before the first API server reads it.
STALE = (
    "/registry/minions/",
    "/registry/pods/",
    "/registry/leases/",
    "/registry/masterleases/",
    "/registry/events/",
    "/registry/services/endpoints/",
    "/registry/endpointslices/",
    "/registry/csinodes/",
    "/registry/volumeattachments/",
    "/registry/secrets/kube-system/bootstrap-token-",
    # Certificate authorities of the lost control plane: the new one would add itself, and trust the old, too.
    "/registry/configmaps/kube-public/cluster-info",
    "/registry/configmaps/kube-system/extension-apiserver-authentication",
)


def broken(snapshot: Path) -> str:
    """Why the file is no whole snapshot; empty when it is."""
    size = snapshot.stat().st_size
    if size <= _DIGEST or size % _SECTOR != _DIGEST:
        return f"it has {size} bytes, and no checksum behind the database: it was cut off, or only copied"
    hasher, left = hashlib.sha256(), size - _DIGEST
    with snapshot.open("rb") as file:
        while left:
            chunk = file.read(min(1 << 20, left))
            hasher.update(chunk)
            left -= len(chunk)
        return "" if file.read() == hasher.digest() else "its checksum is wrong"


def parse_status(text: str) -> EtcdStatus:
    """What `etcdutl snapshot status --write-out json` prints. Raises PermanentError."""
    try:
        found = json.loads(text)
        return EtcdStatus(int(found["revision"]), int(found["hash"]), int(found["totalKey"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError("etcdutl said nothing of the snapshot", text[:200]) from error
