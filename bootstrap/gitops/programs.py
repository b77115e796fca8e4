"""Runs helm and kustomize."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bootstrap.core.errors import ToolError
from bootstrap.core.rendering import Tools
from bootstrap.gitops.problems import Unknown

SECONDS = 120.0
_GARBAGE = "400"  # per cent: collecting less often takes a third off a short run


class Failed(Exception):
    """A program failed; the message is its own last words."""


@dataclass(frozen=True)
class Programs:
    """`environment` is added to ours; `home` is a folder for helm's caches and temporary files."""

    tools: Tools
    environment: Mapping[str, str]
    home: Path

    @cached_property
    def identity(self) -> tuple[tuple[str, int, int], ...]:
        """Changes when one of the programs does. Raises ToolError when one is missing."""
        return tuple(_identity(path) for path in (self.tools.helm, self.tools.kustomize))

    def helm(self, arguments: Sequence[str], extra: Mapping[str, str] | None = None) -> bytes:
        """Raises Failed, Unknown after a time-out, ToolError."""
        # Its own cache, so that a read-only home is no obstacle and nothing stale is used.
        own = {"HELM_CACHE_HOME": str(self.home / "helm")}
        return self._run([str(self.tools.helm), *arguments], {**own, **(extra or {})}, self.home)

    def kustomize(
        self, arguments: Sequence[str], extra: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> bytes:
        """As `helm`."""
        return self._run([str(self.tools.kustomize), *arguments], extra or {}, cwd or self.home)

    def _run(self, command: list[str], extra: Mapping[str, str], cwd: Path) -> bytes:
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                # What a program does not get to remove, as it is killed with us, lies where we do.
                env={"GOGC": _GARBAGE, **os.environ, "TMPDIR": str(self.home), **self.environment, **extra},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=SECONDS,
            )
        except OSError as error:
            raise _missing(Path(command[0])) from error
        except subprocess.TimeoutExpired as error:
            why = f"{Path(command[0]).name} gave no answer within {SECONDS:.0f} s"
            raise Unknown(why, "check the network, then run it again") from error
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
            raise Failed(words.removeprefix("Error: "))
        return done.stdout


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        facts = path.stat()
    except OSError as error:
        raise _missing(path) from error
    return str(path), facts.st_size, facts.st_mtime_ns


def _missing(path: Path) -> ToolError:
    return ToolError(f"{path.name} cannot be run", f"there is no program {path}", "bootstrap doctor")
