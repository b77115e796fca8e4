"""Which program of which version is there: asks programs, and judges their answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.doctor import parse_version
from bootstrap.local.toolchain.recipes import OnPath

ANSWER_TIMEOUT = 10.0  # seconds
Ask = Callable[[Path, Sequence[str]], str]
Which = Callable[[str], str | None]


def ask(program: Path, arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """What the program answers, stdout first; empty when it cannot be run, fails or takes too long."""
    try:
        answer = subprocess.run(
            [program, *arguments],
            env={**environment, "CHECKPOINT_DISABLE": "1", "ARGOCD_BINARY_NAME": "argocd"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout + answer.stderr if answer.returncode == 0 else ""


def find_on_path(
    wanted: Iterable[tuple[str, OnPath]], which: Which = shutil.which, ask: Ask = ask
) -> dict[str, Path]:
    """The programs on PATH whose versions fit, asked all at once."""

    def find(name: str, rule: OnPath) -> Path | None:
        place = which(name)
        if place is None:
            return None
        program = Path(place).absolute()
        version = parse_version(ask(program, rule.version_args))
        return program if version is not None and rule.versions.fits(version) else None

    named = list(wanted)
    with ThreadPoolExecutor(max_workers=max(1, len(named))) as pool:
        found = pool.map(lambda pair: find(*pair), named)
        return {name: place for (name, _), place in zip(named, found, strict=True) if place}
