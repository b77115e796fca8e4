"""The waves step against a real API server that dies, comes back, forgets and says nothing for a while."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bootstrap.config.model import Gitops, Waves
from bootstrap.core.clock import SystemClock
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.client import Cluster
from bootstrap.run.context import Context
from bootstrap.run.events import Event, WaveFinished, WaveStarted
from bootstrap.run.step import Done
from bootstrap.steps import waves
from bootstrap.steps.access import ClusterAccess
from tests.api_server import Server, eventually, ready
from tests.argo_objects import COMMIT, REPO
from tests.aws_context import environment, world
from tests.bench.watching import app, heal, install, top

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("waves"), "--etcd-compaction-interval=1s") as made:
        install(made.cluster())
        yield made


class Run:
    """The step in a thread, and what it said."""

    def __init__(self, server: Server) -> None:
        self.events: list[tuple[float, Event]] = []
        self.outcome: Done | BaseException | None = None
        self._context = self._make(server)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _make(self, server: Server) -> Context:
        path = server.kubeconfig("admin")
        config = environment(
            server.folder, gitops=Gitops(server.folder, REPO, "apps", server.folder), waves=Waves(600.0)
        )
        context = world(config, clock=SystemClock(), revision=lambda: COMMIT).context
        context.results.put(ClusterAccess(path, Cluster.from_kubeconfig(path)))
        return replace(
            context, deadline=600.0, emit=lambda event: self.events.append((time.monotonic(), event))
        )

    def _run(self) -> None:
        try:
            self._context.results.put(Tree(()))
            self.outcome = waves.run(self._context)
        except BaseException as error:
            self.outcome = error

    def started(self, wave: int) -> bool:
        assert self.outcome is None, self.outcome
        return any(isinstance(event, WaveStarted) and event.wave == wave for _, event in self.events)

    def finished(self) -> dict[int, float]:
        return {event.wave: at for at, event in self.events if isinstance(event, WaveFinished)}

    def end(self) -> None:
        self._context.cancel.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def killed(server: Server) -> None:
    server.stop("kube-apiserver", signal.SIGKILL)
    server.start_api()
    eventually(lambda: ready(server.cluster()))


def silent(server: Server) -> None:
    """Half open: the process is there, its sockets are, and nothing comes."""
    process = server.processes["kube-apiserver"]
    os.kill(process.pid, signal.SIGSTOP)
    threading.Event().wait(3.0)
    os.kill(process.pid, signal.SIGCONT)


def without_its_store(server: Server) -> None:
    server.stop("etcd", signal.SIGKILL)
    server.start_etcd()
    eventually(lambda: ready(server.cluster()))


FAULTS: tuple[Callable[[Server], None], ...] = (killed, silent, without_its_store)


def test_no_fault_of_the_api_server_ends_a_wave_or_hides_its_end(server: Server) -> None:
    cluster = server.cluster()
    names = {f"app-{wave}": wave for wave in range(len(FAULTS) + 1)}
    for which in names:
        cluster.create(app(which, "Progressing"))
    cluster.create(top(names, phase="Running"))
    run = Run(server)
    sent = {}
    try:
        for wave, fault in enumerate(FAULTS):
            eventually(lambda wave=wave: run.started(wave))  # type: ignore[misc]
            fault(server)
            assert wave not in run.finished(), fault.__name__
            sent[wave] = written(server, f"app-{wave}")
            eventually(lambda wave=wave: wave in run.finished())  # type: ignore[misc]
        last = len(FAULTS)
        eventually(lambda: run.started(last))
        written(server, f"app-{last}")
        server.cluster().apply(top(names))
        eventually(lambda: run.outcome is not None)
        assert isinstance(run.outcome, Done), run.outcome
        assert all(run.finished()[wave] > at for wave, at in sent.items())
    finally:
        run.end()


def written(server: Server, which: str) -> float:
    """Argo CD tries again, too, until its write is taken."""
    sent: list[float] = []

    def taken() -> bool:
        try:
            sent.append(heal(server.cluster(), which))
        except Exception:  # the API server is not quite back
            return False
        return True

    eventually(taken)
    return sent[-1]
