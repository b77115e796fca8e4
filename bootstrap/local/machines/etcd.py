"""etcd's own tools on the control-plane machine: snapshots, and a restore before the first boot."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootstrap.core.errors import ToolError
from bootstrap.local.components.control_plane import build_etcd
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.state.site import Site
from bootstrap.recovery.etcd import STALE, parse_status
from bootstrap.recovery.manifest import EtcdStatus

_TIMEOUT = 120.0  # seconds for one command
_START = 30.0  # seconds until it answers
_SOON = 0.05


class Etcd:
    def __init__(self, site: Site, pki: Pki) -> None:
        self._site, self._pki = site, pki

    @property
    def folder(self) -> Path:
        return self._site.layout.control_plane / "etcd"

    def save(self, into: Path) -> EtcdStatus:
        """Save a snapshot of the running etcd. Raises ToolError."""
        into.unlink(missing_ok=True)
        self._ctl("snapshot", "save", str(into))
        return self.status(into)

    def status(self, snapshot: Path) -> EtcdStatus:
        return parse_status(self._run("etcdutl", "snapshot", "status", str(snapshot), "--write-out", "json"))

    def restore(self, snapshot: Path, bump: int) -> None:
        """Make a data folder from the snapshot: a new cluster, without the objects of the old machines.

        Raises ToolError and leaves no data folder then.
        """
        peer = self._site.url("etcd-peer", "https")
        half = self.folder.with_name("etcd.restoring")
        shutil.rmtree(half, ignore_errors=True)
        self._run(
            "etcdutl",
            *("snapshot", "restore", str(snapshot), "--data-dir", str(half), "--name", "local"),
            *("--initial-cluster", f"local={peer}", "--initial-advertise-peer-urls", peer),
            *("--bump-revision", str(bump), "--mark-compacted"),
        )
        half.rename(self.folder)
        try:
            with self._running():
                for prefix in STALE:
                    self._ctl("del", "--prefix", prefix)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)  # a partial restore is useless
            raise

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Run etcd for the block, while the supervisor does not run it yet."""
        argv = build_etcd(self._site, self._pki).argv
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + _START
            while True:
                try:
                    self._ctl("endpoint", "health")
                    break
                except ToolError:
                    if process.poll() is not None or time.monotonic() > end:
                        raise
                    time.sleep(_SOON)
            yield
        finally:
            process.terminate()
            process.wait(_TIMEOUT)

    def _ctl(self, *arguments: str) -> str:
        return self._run(
            "etcdctl",
            *("--endpoints", self._site.url("etcd", "https")),
            *("--cacert", str(self._pki.certificate("ca"))),
            *("--cert", str(self._pki.certificate("apiserver-etcd-client"))),
            *("--key", str(self._pki.key("apiserver-etcd-client"))),
            *arguments,
        )

    def _run(self, program: str, *arguments: str) -> str:
        argv: Sequence[str] = (str(self._site.tools[program]), *arguments)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            why = (getattr(error, "stderr", None) or str(error)).strip()[-500:]
            raise ToolError(
                f"{program} {' '.join(arguments[-3:][:2])} failed", why, "bootstrap status"
            ) from error
        return done.stdout
