"""Restore etcd from a backup before the first boot of a control plane, if SSM asks for it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from urllib.request import urlopen

from bootstrap.local.machines.aws import Aws
from bootstrap.local.machines.etcd import Etcd
from bootstrap.local.machines.instances import Instance
from bootstrap.recovery import transit
from bootstrap.recovery.cipher import Unreadable, fingerprint
from bootstrap.recovery.order import ORDER, SOURCE

_TIMEOUT = 60.0  # seconds

log = logging.getLogger(__name__)


class Recovery:
    def __init__(self, aws: Aws, etcd: Etcd) -> None:
        self._aws, self._etcd = aws, etcd

    def ready(self, machine: Instance) -> bool:
        """Restore what is to be restored. Returns whether etcd may start. Raises ToolError and OSError."""
        if self._etcd.folder.exists() or not machine.ssm_prefix:
            return True
        known = self._aws.parameters(machine.ssm_prefix)
        order = json.loads(known.get(f"{machine.ssm_prefix}/{ORDER}", "{}"))
        if not order.get("etcd"):
            return True
        source = json.loads(known.get(f"{machine.ssm_prefix}/{SOURCE}", "{}"))
        if source.get("backup") != order["backup"]:
            return False  # not published yet
        log.info("etcd starts from backup %s", order["backup"])
        snapshot = self._etcd.folder.with_name("snapshot.db")
        sealed = snapshot.with_suffix(".sealed")
        try:
            self._fetch(source["url"], sealed)
            transit.unseal(sealed, snapshot, source["key"])
            if fingerprint(snapshot)[0] != source["sha256"]:
                raise OSError("the snapshot arrived damaged")
            self._etcd.restore(snapshot, source["bump"])
        except Unreadable as error:
            raise OSError("the snapshot arrived damaged") from error
        finally:
            sealed.unlink(missing_ok=True)
            snapshot.unlink(missing_ok=True)
        return True

    def _fetch(self, url: str, into: Path) -> None:
        into.parent.mkdir(parents=True, exist_ok=True)
        into.touch(mode=0o600)
        with urlopen(url, timeout=_TIMEOUT) as answer, into.open("wb") as out:  # noqa: S310 - S3's
            while chunk := answer.read(1 << 20):
                out.write(chunk)
