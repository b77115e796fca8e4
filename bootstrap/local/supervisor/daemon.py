"""The supervisor's loop: observe, decide, act, record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from bootstrap.core.clock import Clock
from bootstrap.local.components import Component, Probe
from bootstrap.local.components.desired import Desired
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.supervisor.decide import Action, ComponentState, Verb, actions, died
from bootstrap.local.supervisor.identity import Process, this_process
from bootstrap.local.supervisor.process import Survivor
from bootstrap.local.supervisor.records import ProcessRecord, ProcessRecords

BUSY, IDLE = 0.1, 0.5  # seconds between two passes, while something is about to change and otherwise
REPROBE = 5.0  # seconds between two probes of a ready component
LOG_LIMIT = 20 << 20  # bytes; a larger log is rotated

log = logging.getLogger(__name__)


class Launcher(Protocol):
    """The edge to the operating system (`process.Processes`)."""

    def spawn(self, component: Component) -> Process: ...

    def alive(self, process: Process) -> bool: ...

    def terminate(self, process: Process) -> None: ...

    def kill(self, process: Process) -> None: ...

    def survivors(self) -> tuple[Survivor, ...]: ...


class Supervisor:
    """`run` works until `stop` is set, then stops all components in reverse order."""

    def __init__(
        self, layout: StateLayout, launcher: Launcher, answers: Callable[[Probe], bool], clock: Clock
    ) -> None:
        self._layout, self._launcher, self._answers, self._clock = layout, launcher, answers, clock
        self._desired = Desired(layout.desired)
        self._wanted: Mapping[str, Component] = {}
        self._stamp = -1
        self._parts: dict[str, ComponentState] = {}
        self._processes: dict[str, Process] = {}
        self._restarts: dict[str, int] = {}
        self._probed: dict[str, float] = {}
        self._told: ProcessRecords | None = None

    def run(self, stop: threading.Event) -> None:
        self.adopt()
        while (
            not stop.is_set() and self._layout.lock.exists()
        ):  # no longer needed if the platform's folder is gone
            self._read()
            self.tick(self._wanted)
            self._trim_logs()
            self._clock.wait(IDLE if self._settled() else BUSY, stop)
        never = threading.Event()
        while self._processes:
            self.tick({})
            self._clock.wait(BUSY, never)

    def adopt(self) -> None:
        """Take over the processes that survived an earlier supervisor; duplicates are killed."""
        self._read()
        now = self._clock.monotonic()
        for survivor in self._launcher.survivors():
            if survivor.name in self._processes:
                self._launcher.kill(survivor.process)
                continue
            wanted = self._wanted.get(survivor.name)
            same = wanted is not None and wanted.fingerprint == survivor.fingerprint
            component = wanted if same and wanted is not None else Component(survivor.name, ())
            self._parts[survivor.name] = ComponentState(component, alive=True, since=now)
            self._processes[survivor.name] = survivor.process
            log.info("adopted %s (pid %d)", survivor.name, survivor.process.pid)

    def tick(self, wanted: Mapping[str, Component]) -> None:
        """Observe all components once and take the next actions."""
        now = self._clock.monotonic()
        for name in list(self._parts):
            self._look(name, now, expected=name in wanted)
        for action in actions(wanted, self._parts, now):
            self._act(action, wanted, now)
        self._tell(wanted)

    # -- observe -------------------------------------------------------------------------------------

    def _read(self) -> None:
        stamp = self._desired.stamp()
        if stamp != self._stamp:
            self._stamp, self._wanted = stamp, self._desired.all()

    def _look(self, name: str, now: float, *, expected: bool) -> None:
        part = self._parts[name]
        process = self._processes.get(name)
        if process is not None and not self._launcher.alive(process):
            self._ended(name, part, now)
            part = self._parts[name]
        if part.alive:
            self._parts[name] = self._probe(name, part, now)
        elif not expected:
            del self._parts[name]

    def _ended(self, name: str, part: ComponentState, now: float) -> None:
        self._launcher.kill(self._processes.pop(name))
        failures, retry = (0, 0.0) if part.stopping is not None else died(part, now)
        if part.stopping is None:
            self._restarts[name] = self._restarts.get(name, 0) + 1
            log.warning("%s exited; next start in %.1f s", name, retry - now)
        self._parts[name] = ComponentState(part.component, failures=failures, retry=retry)

    def _probe(self, name: str, part: ComponentState, now: float) -> ComponentState:
        if part.ready and now - self._probed.get(name, 0.0) < REPROBE:
            return part
        self._probed[name] = now
        probe = part.component.probe
        if probe is not None and not self._answers(probe):
            return replace(part, ready=False)
        if not part.ready:
            log.info("%s is ready after %.1f s", name, now - part.since)
        return replace(part, ready=True, served=True, answered=now)

    # -- act -----------------------------------------------------------------------------------------

    def _act(self, action: Action, wanted: Mapping[str, Component], now: float) -> None:
        log.info("%s %s", action.verb.value, action.name)
        if action.verb is Verb.START:
            self._start(wanted[action.name], now)
            return
        process, part = self._processes[action.name], self._parts[action.name]
        if action.verb is Verb.KILL:
            self._launcher.kill(process)
        else:
            self._launcher.terminate(process)
            self._parts[action.name] = replace(part, stopping=now, ready=False)

    def _start(self, component: Component, now: float) -> None:
        failures = self._parts[component.name].failures if component.name in self._parts else 0
        part = ComponentState(component, alive=True, since=now, answered=now, failures=failures)
        try:
            self._processes[component.name] = self._launcher.spawn(component)
        except OSError as error:
            log.error("cannot start %s: %s", component.name, error)
            failures, retry = died(part, now)
            part = ComponentState(component, failures=failures, retry=retry)
        self._parts[component.name] = part

    # -- record --------------------------------------------------------------------------------------

    def _settled(self) -> bool:
        parts = self._parts.values()
        return len(self._parts) == len(self._wanted) and all(part.ready for part in parts)

    def _tell(self, wanted: Mapping[str, Component]) -> None:
        records = ProcessRecords(
            this_process(),
            tuple(self._record(name, name in wanted) for name in sorted({*wanted, *self._parts})),
        )
        if records != self._told and self._layout.root.is_dir():
            records.write(self._layout.records)
            self._told = records

    def _record(self, name: str, wanted: bool) -> ProcessRecord:
        """An unwanted component does not count as ready, even if it still answers."""
        part = self._parts.get(name)
        probe = part.component.probe if part else None
        return ProcessRecord(
            name,
            self._processes.get(name),
            ready=wanted and part is not None and part.ready,
            port=probe.port if probe else None,
            restarts=self._restarts.get(name, 0),
            fingerprint=part.component.fingerprint if part else "",
        )

    def _trim_logs(self) -> None:
        """Rotate large logs. They are opened for appending, so truncating one is safe for its writer."""
        for name in self._processes:
            file = self._layout.log(name)
            if file.is_file() and file.stat().st_size > LOG_LIMIT:
                file.with_suffix(".log.1").write_bytes(file.read_bytes())
                file.write_bytes(b"")
