"""The working copy of the user's Terraform folder: we write only there.

The copy follows the source exactly, so a file deleted there is gone here too. Kept from run to run: the
downloaded providers and modules (`.terraform`, which makes init fast) and a state that could not be uploaded.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from bootstrap.core.errors import ConfigError, Problem

LOCK_FILE = ".terraform.lock.hcl"
ERRORED_STATE = "errored.tfstate"
OVERRIDE = "zz_bootstrap_override.tf"  # files ending in _override.tf are merged last, in order of name
IMPORTS = "zz_bootstrap_imports.tf"  # written once something has been found
VARIABLES = "bootstrap.auto.tfvars.json"

_KEPT = frozenset({".terraform", LOCK_FILE, ERRORED_STATE})
_NEVER = (".git", ".bootstrap", ".terraform", "*.tfstate", "*.tfstate.*", "*.tfplan")


@dataclass(frozen=True)
class Content:
    """What we add to the copy of the root module `stack`.

    With an `override` providers may come from elsewhere, so the user's lock file of providers is not taken.
    """

    stack: str
    override: str | None
    variables: Mapping[str, object]


def prepare(source: Path, copy: Path, content: Content) -> Path:
    """Bring the copy up to date; its root module. Raises ConfigError when the stack is not there."""
    if not any((source / content.stack).glob("*.tf")):
        what = f"there is no Terraform root module {content.stack!r} in {source}"
        cure = "correct `terraform.folder` and `terraform.stack` in the configuration file"
        raise ConfigError("the Terraform folder is not usable", [Problem("", what, cure)])
    copy.mkdir(parents=True, exist_ok=True)
    _clear(copy)
    _copy(source, copy, (*_NEVER, LOCK_FILE) if content.override else _NEVER)
    root = copy / content.stack
    if content.override:
        (root / OVERRIDE).write_text(content.override, encoding="utf-8")
    text = json.dumps(content.variables, indent=2, sort_keys=True, default=str)
    (root / VARIABLES).write_text(text, encoding="utf-8")
    return root


def _copy(source: Path, copy: Path, never: tuple[str, ...]) -> None:
    """Links become what they point at, dead ones are passed over; folders are ours and can be written."""
    copy.mkdir(mode=0o700, exist_ok=True)
    copy.chmod(0o700)
    for entry in source.iterdir():
        if any(fnmatch(entry.name, pattern) for pattern in never):
            continue
        if entry.is_dir():
            _copy(entry, copy / entry.name, never)
        elif entry.exists():
            shutil.copy(entry, copy / entry.name)


def _clear(folder: Path) -> None:
    """Remove everything but what is kept, and folders that are empty then."""
    for entry in folder.iterdir():
        if entry.name in _KEPT:
            continue
        if entry.is_dir() and not entry.is_symlink():
            _clear(entry)
            if not any(entry.iterdir()):
                entry.rmdir()
        else:
            entry.unlink()
