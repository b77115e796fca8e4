"""The control-plane machine: its disk below `control-plane/`, and the components that run on it."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from bootstrap.core.files import write_private, write_private_if_changed
from bootstrap.local.components.base import BASE
from bootstrap.local.components.control_plane import build_all, build_kwok, egress_config, egress_file
from bootstrap.local.components.desired import Desired
from bootstrap.local.pki.certificates import public_key_hash
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.state.site import Site
from bootstrap.local.supervisor.records import ProcessRecords


class ControlPlane:
    """`boot` starts everything but KWOK; `join_nodes` starts KWOK once there are nodes for it."""

    def __init__(self, site: Site, desired: Desired) -> None:
        self._site, self._desired = site, desired
        self._disk = site.layout.control_plane
        self.pki = Pki(self._disk / "pki", site.url("kube-apiserver", "https"))

    @property
    def owner(self) -> str:
        """The id of the instance whose disk this is; empty if there is none."""
        return self._file("instance")

    def unpack(self) -> None:
        """Create keys and certificates. They belong to the machine and are never restored."""
        if not self.pki.complete():
            self.pki.create()

    def boot(self, instance_id: str) -> None:
        self.unpack()
        write_private_if_changed(self._disk / "instance", instance_id)
        write_private_if_changed(egress_file(self._site), egress_config(self._site, self.pki))
        if not self._file("join-token"):
            write_private(self._disk / "join-token", f"{secrets.token_hex(3)}.{secrets.token_hex(8)}")
        for component in build_all(self._site, self.pki):
            if component.name != "kwok":
                self._desired.want(component)

    def join_nodes(self) -> None:
        self._desired.want(build_kwok(self._site, self.pki))

    def halt(self) -> bool:
        """Tell all components and the programs of the cluster's pods to stop. Returns whether they have."""
        for name in self._desired.all():
            if name not in BASE:
                self._desired.forget(name)
        records = ProcessRecords.read(self._site.layout.records)
        return records is None or not any(part.process and part.name not in BASE for part in records.parts)

    def wipe(self) -> bool:
        """Stop the components, then delete the disk. Returns whether that is done."""
        if not self.halt():
            return False
        for folder in (
            self._site.layout.workloads,
            self._disk,
        ):  # the disk last: it says which instance it belonged to
            shutil.rmtree(folder, ignore_errors=True)
        return True

    @property
    def kubeconfig(self) -> Path:
        return self.pki.kubeconfig("admin")

    @property
    def join_token(self) -> str:
        return self._file("join-token")

    @property
    def authority_hash(self) -> str:
        """The value for `kubeadm join --discovery-token-ca-cert-hash`."""
        return f"sha256:{public_key_hash(self.pki.certificate('ca').read_bytes())}"

    def _file(self, name: str) -> str:
        try:
            return (self._disk / name).read_text()
        except OSError:
            return ""
