"""The one way out for events: stamped, redacted, then handed to every reader in the same order."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from bootstrap.core.clock import Clock
from bootstrap.core.redact import Secrets
from bootstrap.run.events import Event, Notice, Reader, Stamped


class Emitter:
    """Callable as `Emit`, from any thread. A reader that fails is dropped and the others are told:
    a closed pipe or a full disk must not stop a run half-way."""

    def __init__(self, clock: Clock, secrets: Secrets, readers: Iterable[Reader]) -> None:
        self._clock, self._secrets = clock, secrets
        self._readers = list(readers)
        self._start = clock.monotonic()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        elapsed = self._clock.monotonic() - self._start
        stamped = Stamped(self._clock.now(), elapsed, self._secrets.redact_all(event))
        for reader in tuple(self._readers):
            try:
                reader(stamped)
            except Exception as error:  # whatever it was, the run is more important than one reader
                self._readers.remove(reader)
                name = getattr(reader, "__qualname__", type(reader).__name__)
                self._pass_on(Notice(f"no more output by {name}: {type(error).__name__}: {error}"))
