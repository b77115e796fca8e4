"""Results in files: `<work>/drills/<environment>/<run>.json`, the newest last. Damaged ones are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from bootstrap.config.model import Environment
from bootstrap.core.foreign import read_json
from bootstrap.drill.model import DrillResult, Regression
from bootstrap.run.events import SmokeChecked

FORMAT = 1  # raised when a key changes its meaning
COMPARED = 14  # results that a new one is compared with


def folder_of(config: Environment) -> Path:
    return config.work / "drills" / config.name


def write(folder: Path, result: DrillResult) -> Path:
    """The file written."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{result.run}.json"
    file.write_text(json.dumps(encode(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def earlier(folder: Path) -> tuple[DrillResult, ...]:
    """The newest results, newest first."""
    files = sorted(folder.glob("*.json"), reverse=True) if folder.is_dir() else []
    return tuple(islice((result for file in files if (result := _read(file))), COMPARED))


def encode(result: DrillResult) -> dict[str, Any]:
    return {"version": FORMAT, **asdict(result), "good": result.good, "exit_code": result.exit_code}


def decode(data: Mapping[str, Any]) -> DrillResult:
    """Raises KeyError, TypeError or ValueError for what `encode` has not made."""
    fields = {name: data[name] for name in DrillResult.__dataclass_fields__}
    fields["waves"] = {int(number): float(seconds) for number, seconds in data["waves"].items()}
    fields["smoke"] = tuple(SmokeChecked(**each) for each in data["smoke"])
    fields["left"] = tuple(data["left"])
    fields["regressions"] = tuple(Regression(**each) for each in data["regressions"])
    return DrillResult(**fields)


def _read(file: Path) -> DrillResult | None:
    try:
        return decode(read_json(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
