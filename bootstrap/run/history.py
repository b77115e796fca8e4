"""How long waves and steps took in earlier runs of an environment: what is usual, hence what is late.

Earlier runs are a help, never a need: whatever is missing, damaged or of another form is left out.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from bootstrap.core.foreign import read_json

RUNS = 10  # the newest successful runs that count: older ones tell of another platform
LOOKS = 100  # folders that are looked into at most
WAITED = 0.1  # seconds; what took less was done before the run came to it, and tells nothing


@dataclass(frozen=True)
class Stats:
    """Seconds: the middle one, and what nine of ten stay below. `count` is how many runs say so."""

    median: float
    p90: float
    count: int


@dataclass(frozen=True)
class Learnt:
    """What earlier successful `up` runs tell. Empty where there is none."""

    waves: Mapping[int, Stats] = field(default_factory=dict)
    steps: Mapping[str, Stats] = field(default_factory=dict)
    runs: int = 0

    def left(self, waves: Iterable[int], steps: Iterable[str] = ()) -> float | None:
        """About how many seconds these still take; None when one of the waves was never seen."""
        waves = tuple(waves)
        if not all(wave in self.waves for wave in waves):
            return None
        known = [self.steps[step].median for step in steps if step in self.steps]
        return sum(self.waves[wave].median for wave in waves) + sum(known)


@dataclass(frozen=True)
class _Run:
    waves: Mapping[int, float]
    steps: Mapping[str, float]


def learn(runs_folder: Path) -> Learnt:
    """Learn from the newest successful `up` runs below the folder (`.bootstrap/runs/<environment>`)."""
    runs = list(islice(_runs(runs_folder), RUNS))
    waves: dict[int, list[float]] = defaultdict(list)
    steps: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for wave, seconds in run.waves.items():
            waves[wave].append(seconds)
        for step, seconds in run.steps.items():
            steps[step].append(seconds)
    return Learnt(
        {wave: stats(took) for wave, took in sorted(waves.items())},
        {step: stats(took) for step, took in steps.items()},
        len(runs),
    )


def stats(took: Iterable[float]) -> Stats:
    """Of at least one duration (seconds)."""
    ordered = sorted(took)
    ninth = ordered[0]
    if len(ordered) > 1:
        ninth = statistics.quantiles(ordered, n=10, method="inclusive")[8]
    return Stats(statistics.median(ordered), ninth, len(ordered))


def _runs(folder: Path) -> Iterator[_Run]:
    """Successful ups that made something, newest first: the folders' names are times."""
    try:
        found = sorted((path for path in folder.iterdir() if not path.is_symlink()), reverse=True)
    except OSError:
        return
    for path in found[:LOOKS]:
        report = _report(path / "report.json")
        if report.get("command") == "up" and report.get("outcome") == "succeeded":
            run = _Run(
                dict(_durations(report.get("waves"), "wave", int)),
                dict(_durations(report.get("steps"), "name", str)),
            )
            if run.waves:
                yield run


def _report(path: Path) -> Mapping[str, Any]:
    try:
        report = read_json(path)
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _durations(entries: object, key: str, kind: type) -> Iterator[tuple[Any, float]]:
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("state") != "done":
            continue
        which, started, ended = entry.get(key), entry.get("started"), entry.get("ended")
        if not isinstance(which, kind) or not _is_time(started) or not _is_time(ended):
            continue
        if ended - started >= WAITED:
            yield which, round(float(ended - started), 3)


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float)
