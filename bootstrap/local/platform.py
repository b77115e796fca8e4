"""Start, inspect and stop the local platform of one environment."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bootstrap.config.model import Environment
from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import LeftoverError, PreflightError, Problem, StuckError
from bootstrap.core.files import write_private_if_changed
from bootstrap.core.lock import acquire
from bootstrap.core.wait import Observation, until
from bootstrap.local.components import Component
from bootstrap.local.components.base import BASE, build_aws, build_simulator, build_upstream
from bootstrap.local.components.desired import Desired
from bootstrap.local.state import ports as port_book
from bootstrap.local.state.credentials import Credentials
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from bootstrap.local.supervisor.identity import find
from bootstrap.local.supervisor.process import family
from bootstrap.local.supervisor.records import ProcessRecord, ProcessRecords
from bootstrap.local.toolchain import Toolchain
from bootstrap.local.upstream.config import Config as UpstreamConfig

START_DEADLINE = 120.0  # seconds; a large AWS state takes some to be restored
SETTLING = 5.0  # seconds that a new supervisor gets to take its lock
STOP_DEADLINE = 60.0  # seconds
TOO_OFTEN = 3  # crashes of a component during the start after which waiting is pointless
PROGRAMS = (
    "etcd",
    "etcdctl",
    "etcdutl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "argocd",
    "helm",
    "kustomize",
    "external-secrets",
    "redis-server",
)

# All that the supervisor needs of our environment. It stays longer than any run, and so would secrets.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProcessStatus:
    """A process as it is now. `memory` in bytes (PSS, see `memory`), `uptime` in seconds."""

    name: str
    ready: bool
    pid: int | None
    port: int | None
    memory: int
    uptime: float
    restarts: int
    log: Path


@dataclass(frozen=True)
class Platform:
    site: Site
    upstream: UpstreamConfig
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def locate(cls, config: Environment, toolchain: Toolchain) -> Platform:
        """The environment's platform, running or not. Creates nothing.

        Raises StuckError if no ports are free.
        """
        layout = StateLayout(config.state / "local")
        ports = port_book.locate(layout.ports)
        tools = {name: toolchain.path(name) for name in PROGRAMS}
        credentials = Credentials.locate(layout.credentials)
        sockets = toolchain.cache / "sockets" / hashlib.sha256(bytes(layout.root)).hexdigest()[:12]
        site = Site(layout, ports, tools, toolchain.share, config.region, sockets, credentials)
        upstream = UpstreamConfig(
            port=ports["upstream"],
            state=layout.upstream,
            cache=toolchain.cache / "upstream",
            share=toolchain.share,
            repo_url=config.gitops.repo_url,
            password=credentials.proxy,
        )
        return cls(site, upstream)

    def running(self) -> bool:
        """Whether its supervisor is alive."""
        try:
            with self.site.layout.lock.open("ab") as lock:
                return not acquire(lock)
        except FileNotFoundError:
            return False

    def start(self, progress: Progress, cancel: threading.Event) -> bool:
        """Start the platform and wait until AWS, proxy and simulator serve.

        Components that run already keep running. Returns False if the supervisor did, too.

        Raises PreflightError if a port is in use, StuckError if a component keeps crashing, DeadlineError and
        Interrupted.
        """
        layout, desired = self.site.layout, Desired(self.site.layout.desired)
        self._refuse_busy_ports()
        layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.site.save()
        config_file = layout.root / "upstream.json"
        write_private_if_changed(config_file, self.upstream.dump())
        for component in self._base(config_file):
            desired.want(component)
        launched: list[float] = []

        def probe() -> Observation[bool]:
            # Again if it ends meanwhile: a `down` that was killed may have told the running one to stop.
            now = self.clock.monotonic()
            if not self.running() and (not launched or now - launched[-1] > SETTLING):
                launched.append(now)
                self._launch()
            return self._base_ready()

        until(
            probe,
            what="the local platform",
            deadline=START_DEADLINE,
            clock=self.clock,
            cancel=cancel,
            progress=progress,
            interval=0.1,
            longest=0.5,
            cure=f"look into {layout.logs}",
        )
        return bool(launched)

    def _launch(self) -> None:
        command = [sys.executable, "-m", "bootstrap.local.supervisor", "--state", str(self.site.layout.root)]
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        subprocess.run(command, check=True, env=kept)

    def stop(self, progress: Progress) -> None:
        """Stop all processes in reverse order and delete the state folder. Raises LeftoverError."""
        records = self._records()
        supervisor = find(records.supervisor) if records else None
        if supervisor is not None:
            progress("stopping the local platform")
            with suppress(psutil.NoSuchProcess):
                supervisor.terminate()
            self._wait_for_end(progress)
        self._end_strays()
        for folder in (self.site.sockets, self.site.layout.root):
            shutil.rmtree(folder, ignore_errors=True)

    def busy_ports(self) -> dict[str, int]:
        """The platform's ports that other programs use, by component.

        If the supervisor died, its components may still hold theirs; the next supervisor adopts them.
        """
        if self.running() or family(self.site.layout):
            return {}
        return {name: port for name, port in self.site.ports.items() if not port_book.bindable(port)}

    def parts(self) -> tuple[ProcessStatus, ...]:
        """The supervisor and its components; empty if it does not run."""
        records = self._records()
        if records is None:
            return ()
        own = ProcessRecord("supervisor", records.supervisor, ready=True, port=None, restarts=0)
        return tuple(self._status(record) for record in (own, *records.parts))

    # ------------------------------------------------------------------------------------------------

    def _records(self) -> ProcessRecords | None:
        """What the supervisor recorded, if it is alive: a dead one's records are stale."""
        records = ProcessRecords.read(self.site.layout.records)
        return records if records and find(records.supervisor) else None

    def _base(self, upstream_config: Path) -> tuple[Component, ...]:
        return (build_aws(self.site), build_upstream(self.site, upstream_config), build_simulator(self.site))

    def _base_ready(self) -> Observation[bool]:
        records = self._records()
        parts = {part.name: part for part in records.parts} if records else {}
        failing = [part for part in parts.values() if part.restarts > TOO_OFTEN and not part.ready]
        if failing:
            name = failing[0].name
            raise StuckError(
                f"{name} of the local platform keeps crashing",
                last_words(self.site.layout.log(name)),
                f"look into {self.site.layout.log(name)}",
            )
        missing = sorted(name for name in BASE if name not in parts or not parts[name].ready)
        return Observation(True) if not missing else Observation(None, f"{', '.join(missing)} starting")

    def _refuse_busy_ports(self) -> None:
        if busy := self.busy_ports():
            problems = [
                Problem(
                    f"port {port}",
                    f"reserved for {name}, is in use",
                    f"find the program and stop it: ss -ltnp 'sport = :{port}'",
                )
                for name, port in busy.items()
            ]
            raise PreflightError("the local platform's ports are taken", problems)

    def _wait_for_end(self, progress: Progress) -> None:
        def probe() -> Observation[bool]:
            if not self.running():
                return Observation(True)
            records = self._records()
            left = [part.name for part in records.parts if part.process] if records else []
            return Observation(None, f"{len(left)} processes left")

        with suppress(Exception):  # what is left is killed
            until(
                probe,
                what="the local platform's end",
                deadline=STOP_DEADLINE,
                clock=self.clock,
                cancel=threading.Event(),
                progress=progress,
                interval=0.1,
                longest=0.3,
            )

    def _end_strays(self) -> None:
        """Kill the processes that a supervisor left behind."""
        strays = family(self.site.layout)
        for process in strays:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(strays, timeout=5)
        if alive:
            raise LeftoverError(
                "processes of the local platform cannot be killed",
                [
                    Problem("process", f"{process.pid} is still there", f"kill -9 {process.pid}")
                    for process in alive
                ],
            )

    def _status(self, record: ProcessRecord) -> ProcessStatus:
        process = find(record.process) if record.process else None
        return ProcessStatus(
            name=record.name,
            ready=record.ready and process is not None,
            pid=process.pid if process else None,
            port=record.port,
            memory=memory(process) if process else 0,
            uptime=self.clock.now() - record.process.started if process and record.process else 0.0,
            restarts=record.restarts,
            log=self.site.layout.log(record.name),
        )


def memory(process: psutil.Process) -> int:
    """In bytes: the proportional set size (PSS) if the system reports it, else the resident set size."""
    with suppress(psutil.Error, AttributeError):
        return int(process.memory_full_info().pss)
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def last_words(log: Path, lines: int = 3) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return ""
