"""Copies manifests, charts, CRDs and scripts out of Go modules."""

from __future__ import annotations

import shutil
from pathlib import Path

from bootstrap.local.toolchain.recipes import Copy


def copy(recipe: Copy, module: Path, into: Path) -> None:
    """Copy the files of `recipe` from the module's folder. Raises FileNotFoundError when none match."""
    found = sorted(path for path in module.glob(recipe.files) if path.name not in recipe.leave_out)
    if not found:
        raise FileNotFoundError(f"{recipe.source} has no {recipe.files}")
    target = into / recipe.into
    target.mkdir(parents=True, exist_ok=True)
    for path in found:
        place = target / (recipe.rename or path.name)
        if path.is_dir():
            # copyfile, as files and folders of the module cache are read-only and modes would be copied along
            shutil.copytree(path, place, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(path, place)
    _make_writable(target)


def _make_writable(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)


def stamp_chart(chart: Path, version: str) -> None:
    """Make Chart.yaml what the released chart's is: its version, and no optional dependency to be fetched.

    In the source tree it still carries the version before, and names the bitwarden server, off by default.
    """
    import yaml  # noqa: PLC0415 - only a build needs it

    file = chart / "Chart.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content.pop("dependencies", None)
    content |= {"version": version.removeprefix("v"), "appVersion": version}
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
