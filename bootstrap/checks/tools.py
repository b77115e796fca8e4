"""Checks of programs: whether they are there, and of the right version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.checks.model import Check, Probe, Range, Version, dotted
from bootstrap.core.confine import Confinement, start

ANSWER_TIMEOUT = 10.0  # seconds
PYTHON_MINIMUM = (3, 11)


def program(name: str, command: str, arguments: Sequence[str], wanted: Range, cure: str = "") -> Probe:
    """The program `command` (a name on PATH or a path) tells its version, and that is in the range."""

    def look() -> Check:
        place = shutil.which(command)
        if place is None:
            return Check(name, False, f"{command} is not there", cure)
        return judge_program(name, place, answer([Path(place).absolute(), *arguments]), wanted, cure)

    return Probe(name, look)


def judge_program(name: str, place: str, answered: str, wanted: Range, cure: str = "") -> Check:
    version = parse_version(answered)
    if version is None:
        return Check(name, False, f"{place} does not tell its version", cure)
    if not wanted.fits(version):
        age = "old" if version < wanted.at_least else "new"
        return Check(name, False, f"{place} is {dotted(version)}, too {age}: {wanted} is needed", cure)
    return Check(name, True, f"{dotted(version)} ({place})")


def judge_python(version: Version) -> Check:
    ok = version >= PYTHON_MINIMUM
    cure = "" if ok else f"run with Python {dotted(PYTHON_MINIMUM)} or later"
    return Check("python", ok, f"{dotted(version)} ({sys.executable})", cure)


def answer(argv: Sequence[str | Path], environment: Mapping[str, str] = os.environ) -> str:
    """What a program says, stdout first; empty when it cannot be run, fails or takes too long.

    It gets no network: kubectl, for one, looks for a cluster even when it is asked for its own version only.
    """

    def launch() -> subprocess.Popen[str]:
        return subprocess.Popen(
            argv,
            cwd=os.sep,  # where nobody's files lie: terraform, for one, looks at those beside it
            env={**environment, "CHECKPOINT_DISABLE": "1"},  # Terraform would ask for news of itself
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    try:
        with start(Confinement(sockets=False), launch) as process:
            try:
                said, complained = process.communicate(timeout=ANSWER_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                return ""
    except OSError:
        return ""
    return said + complained if process.returncode == 0 else ""


def parse_version(text: str) -> Version | None:
    """The first version number in a text: `go1.26.8`, `v3.19.4+g7cfb6e4`, JSON, plain."""
    found = re.search(r"(?<![\d.])(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None
