"""Runs the controllers of a cluster while its control plane serves: one thread each, restarted on failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bootstrap.kubernetes.client import Cluster

LONGEST_DELAY = 10.0  # seconds

log = logging.getLogger(__name__)


class Controller(Protocol):
    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. It is called again after an exception."""
        ...


@dataclass
class _Running:
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)


class ControllerManager:
    def __init__(self, controllers: Callable[[Cluster], Sequence[Controller]]) -> None:
        self._make = controllers
        self._running: _Running | None = None

    def start(self, cluster: Cluster) -> None:
        running = _Running()
        for controller in self._make(cluster):
            thread = threading.Thread(
                target=keep_running,
                args=(controller, running.stop),
                name=type(controller).__name__,
                daemon=True,
            )
            running.threads.append(thread)
            thread.start()
        self._running = running

    def stop(self) -> bool:
        """Tell all controllers to stop. Returns whether they have."""
        running = self._running
        if running is None:
            return True
        running.stop.set()
        if any(thread.is_alive() for thread in running.threads):
            return False
        self._running = None
        return True


def keep_running(controller: Controller, stop: threading.Event) -> None:
    delay = 0.2
    while not stop.is_set():
        try:
            controller.run(stop)
        except Exception as error:
            log.warning("%s failed and restarts in %.1f s: %s", type(controller).__name__, delay, error)
            stop.wait(delay)
            delay = min(delay * 2, LONGEST_DELAY)
