"""The running processes as the supervisor last saw them, for other processes to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.core.files import read_json, write_private
from bootstrap.local.supervisor.identity import Process


@dataclass(frozen=True)
class ProcessRecord:
    """A component; `process` is None while it is not running. `restarts` counts unexpected exits;
    `fingerprint` is the component's when it was started.
    """

    name: str
    process: Process | None
    ready: bool
    port: int | None
    restarts: int
    fingerprint: str = ""


@dataclass(frozen=True)
class ProcessRecords:
    supervisor: Process
    parts: tuple[ProcessRecord, ...] = ()

    def write(self, file: Path) -> None:
        write_private(file, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, file: Path) -> ProcessRecords | None:
        """None if there are none or they cannot be read."""
        plain = read_json(file)
        try:
            return cls(
                Process(**plain["supervisor"]),
                tuple(
                    ProcessRecord(
                        **{**part, "process": Process(**part["process"]) if part["process"] else None}
                    )
                    for part in plain["parts"]
                ),
            )
        except (KeyError, TypeError):
            return None
