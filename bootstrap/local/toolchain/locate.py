"""The toolchain as the rest of the local platform sees it: paths, what is missing, and making that."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.core import cachefolder
from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import Interrupted, PreflightError, Problem
from bootstrap.local.toolchain import caches, golang, versions
from bootstrap.local.toolchain.make import Workshop, complete, go_at_hand, make, product
from bootstrap.local.toolchain.recipes import RECIPES, GoTool, OnPath, Recipe, TerraformWheel
from bootstrap.local.toolchain.work import Work

MEGABYTE = 1_000_000
SYSTEM_CLOCK = SystemClock()


@dataclass(frozen=True)
class Toolchain:
    """`on_path` are the programs found on PATH that are used instead of ours."""

    cache: Path
    recipes: tuple[Recipe, ...] = RECIPES
    on_path: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def locate(cls, home: Path, environ: Mapping[str, str] = os.environ) -> Toolchain:
        """Where the toolchain is, or will be, for the configuration in folder `home`. Makes nothing."""
        replaceable = [(recipe.name, rule) for recipe in RECIPES if (rule := replacement(recipe))]
        return cls(cachefolder.choose(home, environ), RECIPES, versions.find_on_path(replaceable))

    def path(self, name: str) -> Path:
        """The program of that name, known before it is made. KeyError for a name without a recipe."""
        return self.on_path.get(name) or product(self.recipe(name), Workshop(self.cache))

    @property
    def share(self) -> Path:
        """Manifests, charts and CRDs of the versions that are built: argocd/, external-secrets/, kwok/."""
        return self.path("share")

    @property
    def terraform_cli_config(self) -> Path:
        """For TF_CLI_CONFIG_FILE: takes the AWS provider from our mirror."""
        return self.path("terraform-provider-aws")

    def search_path(self, *names: str) -> str:
        """The folders of these programs in the form of PATH."""
        return os.pathsep.join(dict.fromkeys(str(self.path(name).parent) for name in names))

    def recipe(self, name: str) -> Recipe:
        for recipe in self.recipes:
            if recipe.name == name:
                return recipe
        raise KeyError(name)

    def missing(self) -> tuple[str, ...]:
        """Names of the parts that are neither on PATH nor made yet. Looks at files only: milliseconds."""
        return tuple(recipe.name for recipe in self._missing())

    def ensure(
        self, progress: Callable[[str], None], cancel: threading.Event, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Make what is missing, one part after the other; parts that are done stay done when interrupted.

        Raises PreflightError without a place or space on disk, ToolError or TemporaryError when a part cannot
        be made, and Interrupted when `cancel` is set.
        """
        todo = self._missing()
        if not todo:
            return
        self._check_cache()
        progress(announcement(todo, self.cache))
        for number, recipe in enumerate(todo, 1):
            if cancel.is_set():
                raise Interrupted(f"interrupted before {recipe.name} was made", cure="run the command again")
            work = Work(clock, cancel, progress, f"[{number}/{len(todo)}] {recipe.name}")
            make(recipe, Workshop(self.cache, work))

    def disk_needed(self) -> int:
        """Bytes that making the missing parts takes: sources, compiler cache and results; 0 when complete.

        What Go's build cache holds already is not needed again. It may be of other projects, but refusing
        a machine where the build would fit is worse than running full, which is reported as what it is.
        """
        todo = self._missing()
        needed = sum(recipe.megabytes for recipe in todo) * MEGABYTE
        go = go_at_hand(Workshop(self.cache)) if any(isinstance(recipe, GoTool) for recipe in todo) else None
        if go is None:
            return needed
        held = caches.size(Path(golang.environment(go, self.cache)["GOCACHE"]))
        return max(needed - held, needed // 4)

    def disk_free(self) -> int:
        return caches.free_bytes(self.cache)

    def _check_cache(self) -> None:
        if not caches.writable(self.cache):
            cure = "make it writable, or set BOOTSTRAP_CACHE to a folder that is"
            raise PreflightError(
                "the toolchain has no place", [Problem(str(self.cache), "cannot be written", cure)]
            )
        needed, free = self.disk_needed(), self.disk_free()
        if free < needed:
            what = f"making the toolchain needs {gigabytes(needed)}, {gigabytes(free)} are free"
            cure = "free space, or set BOOTSTRAP_CACHE, GOCACHE and GOMODCACHE to folders on a larger disk"
            raise PreflightError("not enough space on disk", [Problem(str(self.cache), what, cure)])

    def _missing(self) -> tuple[Recipe, ...]:
        shop = Workshop(self.cache)
        ours = (recipe for recipe in self.recipes if recipe.name not in self.on_path)
        return tuple(recipe for recipe in ours if not complete(recipe, shop))


def replacement(recipe: Recipe) -> OnPath | None:
    return recipe.on_path if isinstance(recipe, GoTool | TerraformWheel) else None


def announcement(todo: tuple[Recipe, ...], cache: Path) -> str:
    """Said once before the work: what, how long, where."""
    seconds = sum(recipe.seconds for recipe in todo)
    length = f"{max(1, round(seconds / 60))} min" if seconds >= 60 else f"{seconds} s"
    return f"making {len(todo)} parts of the toolchain, once, about {length} on 2 cores, in {cache}"


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
