"""A simulated control plane that begins with a backup: what it fetches is opened, compared, and not kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap.local.machines.recovery import Recovery
from bootstrap.recovery import transit
from bootstrap.recovery.cipher import fingerprint
from bootstrap.recovery.order import ORDER, SOURCE

SNAPSHOT = b"canary of etcd"


@dataclass
class Etcd:
    """Etcd's tools, as far as a restore goes."""

    folder: Path
    restored: list[tuple[bytes, int]] = field(default_factory=list)

    def restore(self, snapshot: Path, bump: int) -> None:
        self.restored.append((snapshot.read_bytes(), bump))


@dataclass(frozen=True)
class Aws:
    known: dict[str, Any]

    def parameters(self, path: str) -> dict[str, str]:
        return {f"{path}/{name}": json.dumps(value) for name, value in self.known.items()}


@dataclass(frozen=True)
class Machine:
    ssm_prefix: str = "/eco2/dev"


def lent(folder: Path) -> dict[str, Any]:
    """What steps/restore.py publishes of a loan."""
    plain, sealed, key = folder / "plain", folder / "lent", transit.new_key()
    plain.write_bytes(SNAPSHOT)
    transit.seal(plain, sealed, key)
    sha256, _ = fingerprint(plain)
    plain.unlink()
    return {"backup": "1", "url": sealed.as_uri(), "key": key, "sha256": sha256, "bump": 7}


def recover(folder: Path, source: dict[str, Any]) -> tuple[bool, Etcd]:
    etcd, aws = Etcd(folder / "etcd"), Aws({ORDER: {"backup": "1", "etcd": True}, SOURCE: source})
    recovery: Any = Recovery(aws, etcd)  # type: ignore[arg-type]
    try:
        return recovery.ready(Machine()), etcd
    finally:
        assert [file.name for file in folder.iterdir()] == ["lent"], "nothing is left, plain or not"


def test_what_is_lent_is_opened_and_restored(tmp_path: Path) -> None:
    ready, etcd = recover(tmp_path, lent(tmp_path))
    assert ready
    assert etcd.restored == [(SNAPSHOT, 7)]


@pytest.mark.parametrize("change", ["key", "sha256", "content"])
def test_what_arrives_otherwise_than_it_was_sent_is_no_etcd(tmp_path: Path, change: str) -> None:
    source = lent(tmp_path)
    if change == "content":
        (tmp_path / "lent").write_bytes(SNAPSHOT)
    else:
        source[change] = transit.new_key()
    with pytest.raises(OSError, match="arrived damaged"):
        recover(tmp_path, source)


def test_that_of_another_backup_is_waited_for(tmp_path: Path) -> None:
    ready, etcd = recover(tmp_path, {**lent(tmp_path), "backup": "0"})
    assert not ready
    assert etcd.restored == []
