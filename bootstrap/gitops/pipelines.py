"""The repository's CI pipelines: not in the cluster, but what they do to it counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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
    return {path.relative_to(root).as_posix(): path.read_text(errors="replace") for path in found}
