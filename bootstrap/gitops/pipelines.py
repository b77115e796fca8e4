"""The repository's CI pipelines: not in the cluster, but what they do to it counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootstrap.core.foreign import read_script

_PLACES = (
    ".github/workflows/*.yml",
    ".github/workflows/*.yaml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "bitbucket-pipelines.yml",
    "azure-pipelines.yml",
    "buildspec.yml",
    "Jenkinsfile*",
)


def read(root: Path) -> Mapping[str, str]:
    """Their texts by path from the repository's root."""
    found = sorted({path for place in _PLACES for path in root.glob(place) if path.is_file()})
    return {path.relative_to(root).as_posix(): text for path in found if (text := _text(root, path))}


def _text(root: Path, path: Path) -> str:
    """Nothing of what is too large, cannot be read or leads out of the repository."""
    return read_script(path) if path.resolve().is_relative_to(root.resolve()) else ""
