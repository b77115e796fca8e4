"""Where the cache lies: the toolchain, charts got from upstream, what the linter rendered."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def choose(home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """`$BOOTSTRAP_CACHE`, else the user's cache folder, else one below `home` where that is not writable.

    Creates nothing. `home` is the folder of the configuration file.
    """
    if chosen := environ.get("BOOTSTRAP_CACHE"):
        return Path(chosen).expanduser().absolute()
    user = _user_cache(environ)
    if user is not None and can_create(user / "bootstrap"):
        return user / "bootstrap"
    return home.absolute() / ".bootstrap" / "cache"


def _user_cache(environ: Mapping[str, str]) -> Path | None:
    """By the XDG base directory specification, which ignores relative paths."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named
    own = Path(environ.get("HOME", ""))
    return own / ".cache" if own.is_absolute() else None


def can_create(folder: Path) -> bool:
    """Whether `folder` is, or could be made, writable; judged by its nearest existing parent."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
