"""Which programs on PATH can be used instead of ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.checks.tools import answer, parse_version
from bootstrap.local.toolchain.recipes import OnPath

Ask = Callable[[Sequence[str | Path], Mapping[str, str]], str]
Which = Callable[[str], str | None]


def find_on_path(
    wanted: Iterable[tuple[str, OnPath]], which: Which = shutil.which, ask: Ask = answer
) -> dict[str, Path]:
    """The programs on PATH whose versions fit, asked all at once."""

    def find(name: str, rule: OnPath) -> Path | None:
        place = which(name)
        if place is None:
            return None
        program = Path(place).absolute()
        version = parse_version(ask([program, *rule.version_args], os.environ))
        return program if version is not None and rule.versions.fits(version) else None

    named = list(wanted)
    with ThreadPoolExecutor(max_workers=max(1, len(named))) as pool:
        found = pool.map(lambda pair: find(*pair), named)
        return {name: place for (name, _), place in zip(named, found, strict=True) if place}
