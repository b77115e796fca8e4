"""Real processes, short-lived ones: started, found again, ended with what they started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bootstrap.local.components import Component, Probe
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.identity import Process, find, this_process
from bootstrap.local.supervisor.probe import answers
from bootstrap.local.supervisor.process import Processes, family, marked
from bootstrap.local.supervisor.records import ProcessRecord, ProcessRecords

SLEEP = Component("sleeper", ("sleep", "60"))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    layout = StateLayout(tmp_path / "with space")
    made = Processes(layout)
    yield made
    for process, _ in marked(layout.root):
        process.kill()
    for child in made._children.values():
        child.wait(10)


def spawned(processes: Processes, component: Component) -> Process:
    """Started, and its environment visible: the kernel shows it a moment after the start."""
    process = processes.spawn(component)
    while not psutil.Process(process.pid).environ():
        pass
    return process


def test_a_process_gets_its_own_session_and_nothing_of_ours(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's")
    process = processes.spawn(Component("env", ("env",), {"CANARY": "yes"}))
    processes._children[process.pid].wait(timeout=20)
    environment = dict(line.split("=", 1) for line in processes._layout.log("env").read_text().splitlines())
    assert environment["CANARY"] == "yes"
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert Path(environment["HOME"]).is_dir()


def test_survivors_are_known_by_name_and_fingerprint(processes: Processes) -> None:
    process = spawned(processes, SLEEP)
    (survivor,) = processes.survivors()
    assert (survivor.name, survivor.fingerprint) == ("sleeper", SLEEP.fingerprint)
    assert survivor.process.pid == process.pid


def test_what_wipes_its_environment_is_known_from_the_records(processes: Processes) -> None:
    process = processes.spawn(Component("redis", ("env", "-i", "sleep", "60")))
    layout = processes._layout
    ProcessRecords(this_process(), (ProcessRecord("redis", process, True, None, 0, "abc"),)).write(
        layout.records
    )
    (survivor,) = processes.survivors()
    assert (survivor.name, survivor.fingerprint, survivor.process.pid) == ("redis", "abc", process.pid)
    assert [each.pid for each in family(layout)] == [process.pid]
    processes.kill(process)


def test_a_pid_alone_proves_nothing() -> None:
    own = this_process()
    assert find(own)
    assert find(Process(own.pid, own.started - 60)) is None


def test_termination_reaches_a_stopped_process(processes: Processes) -> None:
    process = processes.spawn(SLEEP)
    psutil.Process(process.pid).suspend()
    processes.terminate(process)
    psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
    assert not processes.alive(process)


def test_children_end_with_their_parent(processes: Processes) -> None:
    process = spawned(processes, Component("shell", ("sh", "-c", "sleep 60 & sleep 60")))
    members = {each.pid for each, _ in marked(processes._layout.root)}
    processes.kill(process)
    psutil.wait_procs([psutil.Process(pid) for pid in members if psutil.pid_exists(pid)], timeout=10)
    assert not processes.alive(process)
    assert not list(marked(processes._layout.root))


def test_output_goes_to_the_log(processes: Processes) -> None:
    process = processes.spawn(Component("talker", (sys.executable, "-c", "print('hello')")))
    processes._children[process.pid].wait(timeout=20)
    assert processes._layout.log("talker").read_text() == "hello\n"
    assert not processes.alive(process)


def test_what_does_not_listen_does_not_answer() -> None:
    assert not answers(Probe(1))
    assert not answers(Probe(1, "/healthz"))
    assert not answers(Probe(1, "/healthz", tls=True))
