"""Runs git without changing anything in the user's repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bootstrap.core.errors import ToolError

# Hooks, file watchers and shared indexes would write into the user's repository.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false")


class Git:
    """git in one folder. Calls return the output without the last newline. Raises ToolError."""

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        # If a hook or an alias started us, its GIT_DIR and GIT_INDEX_FILE are in the environment.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self._environment = {**inherited, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **(extra or {})}

    def with_environment(self, extra: Mapping[str, str]) -> Git:
        return Git(self._folder, {**self._environment, **extra})

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self.raw(*arguments, stdin=stdin).decode(errors="surrogateescape").removesuffix("\n")

    def raw(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        result = self._run(arguments, stdin)
        if result.returncode:
            words = result.stderr.decode(errors="replace").strip()
            raise ToolError(
                f"git {arguments[0]} failed in {self._folder}", words or f"exit {result.returncode}"
            )
        return result.stdout

    def succeeds(self, *arguments: str) -> bool:
        return self._run(arguments, None).returncode == 0

    def _run(self, arguments: tuple[str, ...], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", *_QUIET, *arguments],
                cwd=self._folder,
                env=self._environment,
                input=stdin or b"",
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise ToolError("git was not found", str(error), "install git and put it on PATH") from error
