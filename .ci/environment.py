"""Makes the virtual environment `.venv` with one set of packages, unless it is there and up to date.

    python3 .ci/environment.py aws      what the package needs, for jobs that only run it
    python3 .ci/environment.py local    and the local platform, for `make up`
    python3 .ci/environment.py dev      and what checks the package, for `make test`

Each set is a file in requirements/, written by `make lock`, and contains the one before. pip installs
nothing else, and refuses a package whose hash is not listed there.

Up to date means: made from the same pyproject.toml, requirements and interpreter, in the same folder.
Standard library only, and readable by an old Python, so that it can say that it is too old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

MINIMUM = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "bootstrap.json"
LOCK = ROOT / ".bootstrap" / "venv.lock"
REQUIREMENTS = Path(".ci", "requirements")
SETS = ("aws", "local", "dev")
BUILD = "build"  # builds the package itself, and those that come as sources; installed first


def main(wanted: str) -> int:
    problem = unfit()
    if problem:
        sys.stderr.write(problem + "\n")
        return 3
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:  # two runs of make at once: the second waits, then finds it made
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = installed(fingerprint())
        if present is not None and SETS.index(present) >= SETS.index(wanted):
            return 0
        return make(wanted, anew=present is None)


def unfit() -> str:
    """Why this interpreter cannot make the environment, and the cure; empty when it can."""
    have = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.version_info < MINIMUM:
        need = ".".join(map(str, MINIMUM))
        return f"{sys.executable} is Python {have}, too old.\n  cure: make PYTHON=python{need} (or later) …"
    try:
        import ensurepip  # noqa: F401, PLC0415
        import venv  # noqa: F401, PLC0415
    except ImportError:
        return (
            f"{sys.executable} cannot make virtual environments: its module ensurepip is missing.\n"
            f"  cure: apt-get install python{have}-venv (Debian, Ubuntu), or make PYTHON=<another Python>"
        )
    return ""


def fingerprint() -> str:
    material = hashlib.sha256()
    for file in (ROOT / "pyproject.toml", *(ROOT / requirements(name) for name in (BUILD, *SETS))):
        material.update(file.read_bytes())
    material.update(f"{sys.version} {sys.base_prefix} {ROOT}".encode())
    return material.hexdigest()


def requirements(name: str) -> Path:
    """Seen from the project's folder, which pip runs in: its own path may hold spaces."""
    return REQUIREMENTS / f"{name}.txt"


def installed(wanted: str) -> str | None:
    """The set that is there; None when there is none, or the environment is not the wanted one."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    if stamp["fingerprint"] != wanted or not (VENV / "bin" / "python").exists():
        return None
    return str(stamp["set"])


def make(wanted: str, anew: bool) -> int:
    """Install the set, in a new environment or in the one that is there; pip's exit code."""
    sys.stderr.write(f"installing the package, set {wanted}, into .venv, once, a minute or two\n")
    STAMP.unlink(missing_ok=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--no-deps", "--no-build-isolation"]  # nothing but what is listed, not even to build with
    create = [[sys.executable, "-m", "venv", "--clear", str(VENV)]] if anew else []
    hashed = [*pip, "--require-hashes", "--requirement"]
    sets = [[*hashed, str(requirements(name))] for name in (BUILD, wanted)]
    for command in (*create, *sets, [*pip, "--editable", "."]):
        code, said = run(command)
        if code:
            sys.stderr.write("".join(said) + f"failed: {' '.join(command)}\n")
            return code
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "set": wanted}))
    return 0


def run(command: list[str]) -> tuple[int, list[str]]:
    """Run it, saying every ten seconds what it says; its exit code and last lines."""
    last: deque[str] = deque(maxlen=30)
    shown = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            last.append(line)
            if time.monotonic() - shown >= 10:
                sys.stderr.write(f"  {line.strip()[:100]}\n")
                shown = time.monotonic()
    return process.returncode, list(last)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
