"""Runs helm and kustomize on files that anybody may have written.

To render, a program gets nothing of ours and no way outside, and may write to our scratch folder only. To
fetch, it gets what leads outside, and the user's own credentials for that; of the tree it gets an address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bootstrap.core.child import Children, Overrun, environment, outside
from bootstrap.core.confine import Confinement, alone
from bootstrap.core.errors import ToolError
from bootstrap.core.git import nested
from bootstrap.core.rendering import Tools
from bootstrap.gitops.problems import Unknown

# Where the helpers that log in to registries keep what they were given, below the user's home.
_LOGINS = (".docker", ".ecr", ".aws", ".azure", ".config/gcloud", ".config/helm/registry", ".cache/git")
_RUNTIME = {
    "GOGC": "400",  # per cent: collecting less often takes a third off a short run
    "GOMEMLIMIT": "768MiB",  # and often when memory gets short
}


class Failed(Exception):
    """A program failed; the message is its own last words."""


@dataclass(frozen=True)
class Way:
    """Outside, to be given to a program that fetches: `environment` leads there, `host` is where to."""

    environment: Mapping[str, str]
    host: str = ""


@dataclass(frozen=True)
class Programs:
    """`environment` is added to that of programs that fetch; `home` is a folder for what programs write."""

    tools: Tools
    environment: Mapping[str, str]
    home: Path
    children: Children = field(default_factory=Children)

    @cached_property
    def identity(self) -> tuple[tuple[str, int, int], ...]:
        """Changes when one of the programs does. Raises ToolError when one is missing."""
        return tuple(_identity(path) for path in (self.tools.helm, self.tools.kustomize))

    def helm(self, arguments: Sequence[str], way: Way | None = None) -> bytes:
        """Raises Failed, Unknown when it takes too much time or memory, ToolError."""
        return self._run((self.tools.helm,), arguments, self.home, way)

    def kustomize(
        self,
        arguments: Sequence[str],
        way: Way | None = None,
        cwd: Path | None = None,
        *,
        inflates: bool = False,
    ) -> bytes:
        """As `helm`. `inflates`: it may run helm."""
        programs = (self.tools.kustomize, self.tools.helm) if inflates else (self.tools.kustomize,)
        return self._run(programs, arguments, cwd or self.home, way)

    def _run(self, programs: tuple[Path, ...], arguments: Sequence[str], cwd: Path, way: Way | None) -> bytes:
        command = [str(programs[0]), *arguments]
        try:
            done = self.children.run(
                command, self._environment(way), cwd, confinement=self._confinement(programs, way)
            )
        except OSError as error:
            raise _missing(programs[0]) from error
        except Overrun as error:
            raise Unknown(
                str(error), "check the network, and what the manifests ask for; then run it again"
            ) from error
        if done.code:
            raise Failed(done.words.removeprefix("Error: "))
        return done.output

    def _environment(self, way: Way | None) -> dict[str, str]:
        # What a program does not get to remove, as it is killed with us, lies where we do; and helm has its
        # own cache, so that a read-only home is no obstacle and nothing stale is used.
        given = {**_RUNTIME, **environment(self.home), "HELM_CACHE_HOME": str(self.home / "helm")}
        return (
            given
            if way is None
            else {**given, **outside(way.host), **nested(), **self.environment, **way.environment}
        )

    def _confinement(self, programs: tuple[Path, ...], way: Way | None) -> Confinement:
        if way is not None:
            home = Path(os.environ.get("HOME") or os.devnull)
            return Confinement(write=(self.home, *(home / one for one in _LOGINS)))
        execute = alone(*programs)
        read = None if execute is None else (*execute, self.home)
        return Confinement(write=(self.home,), read=read, execute=execute, sockets=False)


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        facts = path.stat()
    except OSError as error:
        raise _missing(path) from error
    return str(path), facts.st_size, facts.st_mtime_ns


def _missing(path: Path) -> ToolError:
    return ToolError(f"{path.name} cannot be run", f"there is no program {path}", "bootstrap doctor")
