"""The product as a user runs it: a clone of the repository and its command line in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bootstrap.local.state.credentials import Credentials

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class CommandResult:
    """What one command did: exit code, the JSON lines it printed, its words, how long it took (seconds)."""

    code: int
    lines: tuple[dict[str, Any], ...]
    words: str
    seconds: float

    def of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """The events of one type."""
        return tuple(line for line in self.lines if line.get("type") == kind)


@dataclass(frozen=True)
class Product:
    """A clone and the environment variables its commands run with."""

    clone: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.clone / ".bootstrap" / "environments" / "local"

    @property
    def aws(self) -> str:
        """The URL of its simulated AWS, once there is one."""
        ports = json.loads((self.state / "local" / "ports.json").read_text())
        return f"http://127.0.0.1:{ports['aws']}"

    @property
    def credentials(self) -> Credentials:
        """Those of its simulated AWS."""
        found = Credentials.read(self.state / "local" / "credentials.json")
        assert found is not None
        return found

    @property
    def runs(self) -> Path:
        return self.clone / ".bootstrap" / "runs" / "local"

    @property
    def latest(self) -> Path:
        return self.runs / "latest"

    def run(self, *arguments: str, timeout: float = 600) -> CommandResult:
        """One command with `--output json`, to its end."""
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bootstrap", *arguments, "--output", "json"],
            cwd=self.clone,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        lines = tuple(json.loads(line) for line in done.stdout.splitlines() if line.strip())
        return CommandResult(done.returncode, lines, done.stderr, time.monotonic() - start)


def clone(into: Path) -> Path:
    """A clone of this repository as it stands, uncommitted changes included (so that they are tested too)."""
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(into)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = REPOSITORY / name, into / name
        if source.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
        else:
            copy.unlink(missing_ok=True)
    return into


def processes(product: Product) -> list[psutil.Process]:
    """The platform's processes: its state folder stands in their command line, environment or work folder."""
    mark = str(product.state)
    found = []
    for process in psutil.process_iter():
        try:
            texts = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(mark in text for text in texts):
            found.append(process)
    return found
