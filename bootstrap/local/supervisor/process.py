"""Starts, finds and signals the processes of one platform.

Besides being recorded (`records.py`), each process carries its platform and component in its environment. So
a process is found even if the daemon was killed before recording it, and so are the children of components.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bootstrap.local.components import Component
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.identity import Process, find
from bootstrap.local.supervisor.records import ProcessRecords

PLATFORM, PART = "BOOTSTRAP_PLATFORM", "BOOTSTRAP_PART"


@dataclass(frozen=True)
class Survivor:
    name: str
    fingerprint: str
    process: Process


class Processes:
    """The processes of the platform at `layout`."""

    def __init__(self, layout: StateLayout) -> None:
        self._layout = layout
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def spawn(self, component: Component) -> Process:
        """Start it in its own session, so that it survives Ctrl-C and our exit. Raises OSError."""
        folder = self._layout.run_folder(component.name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._layout.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._layout.log(component.name).open("ab") as log:
            child = subprocess.Popen(
                component.argv,
                cwd=folder,
                env=self._environment(component, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[child.pid] = child
        return Process(child.pid, psutil.Process(child.pid).create_time())

    def alive(self, process: Process) -> bool:
        child = self._children.get(process.pid)
        if child is not None and child.poll() is not None:  # poll() reaps it
            del self._children[process.pid]
            return False
        return find(process) is not None

    def terminate(self, process: Process) -> None:
        found = find(process)
        if found is not None:
            with suppress(psutil.NoSuchProcess):
                found.terminate()
                found.resume()  # a stopped process would never see the signal

    def kill(self, process: Process) -> None:
        """Kill the process, if it still runs, and the children it left behind."""
        found = find(process)
        if found is not None:
            with suppress(psutil.NoSuchProcess):
                found.kill()
        for member, _ in marked(self._layout.root):
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getpgid(member.pid) == process.pid:
                    member.kill()

    def survivors(self) -> tuple[Survivor, ...]:
        """The components that are running already, whoever started them."""
        recorded = tuple(_recorded(self._layout))
        known = {survivor.process.pid for survivor in recorded}
        return (*recorded, *_unrecorded(self._layout.root, known))

    def _environment(self, component: Component, folder: Path) -> dict[str, str]:
        return {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            **component.environment,
            PLATFORM: str(self._layout.root),
            PART: f"{component.name} {component.fingerprint}",
        }


def family(layout: StateLayout) -> tuple[psutil.Process, ...]:
    """All running processes of the platform."""
    found = {process.pid: process for process, _ in marked(layout.root)}
    for survivor in _recorded(layout):
        process = find(survivor.process)
        if process is not None:
            found.setdefault(process.pid, process)
    return tuple(found.values())


def marked(root: Path) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """Running processes that the platform at `root` has marked, with their environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(PLATFORM) == str(root) and process.status() != psutil.STATUS_ZOMBIE:
                yield process, environment


def _recorded(layout: StateLayout) -> Iterator[Survivor]:
    records = ProcessRecords.read(layout.records)
    for part in records.parts if records else ():
        if part.process is not None and find(part.process):
            yield Survivor(part.name, part.fingerprint, part.process)


def _unrecorded(root: Path, known: Collection[int]) -> Iterator[Survivor]:
    for process, environment in marked(root):
        with suppress(psutil.Error, OSError):
            name, _, fingerprint = environment.get(PART, "").partition(" ")
            leads = os.getsid(process.pid) == process.pid  # else it is a child of a component
            if name and leads and process.pid not in known:
                yield Survivor(name, fingerprint, Process(process.pid, process.create_time()))
