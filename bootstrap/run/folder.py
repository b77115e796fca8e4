"""Where a run leaves its event log and reports: `<home>/.bootstrap/runs/<environment>/<UTC time>/`."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bootstrap.config.model import Environment

LATEST = "latest"


def runs_of(config: Environment) -> Path:
    """Where the runs of an environment lie."""
    return config.work / "runs" / config.name


def create(config: Environment, now: float) -> Path:
    """Make the folder of a run that starts `now` (Unix seconds), for the user alone, and `latest`."""
    runs = runs_of(config)
    runs.mkdir(parents=True, exist_ok=True)
    folder = _new(runs, datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ"))
    link = runs / f".{folder.name}.{LATEST}"
    link.symlink_to(folder.name)
    link.replace(runs / LATEST)  # atomic: there is always a latest run
    return folder


def _new(runs: Path, name: str) -> Path:
    """A second run within the same second gets a number."""
    for number in count(1):
        folder = runs / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("count() does not end")
