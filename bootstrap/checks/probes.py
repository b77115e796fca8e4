"""Is this machine fit? Tools and versions, ports, disk, credentials, folders, Git; each with its cure.

Used by `bootstrap doctor`, which shows every check, and by preflight, which refuses when one fails.
A probe looks and changes nothing. What holds for every target stands in `common()`; the rest comes as data:
a target brings its own probes, made with the functions below.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.config.model import Environment
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import BootstrapError, Problem

if TYPE_CHECKING:
    from bootstrap.targets.base import Target

ANSWER_TIMEOUT = 10.0  # seconds
PYTHON_MINIMUM = (3, 11)
GIT_MINIMUM = (2, 20)
WORK_BYTES = 1_000_000_000  # state, logs and reports of runs

Version = tuple[int, ...]


@dataclass(frozen=True)
class Range:
    """Versions from `at_least` on, up to but not including `below`."""

    at_least: Version
    below: Version | None = None

    def fits(self, version: Version) -> bool:
        return self.at_least <= version and (self.below is None or version < self.below)

    def __str__(self) -> str:
        return f">= {dotted(self.at_least)}" + (f", < {dotted(self.below)}" if self.below else "")


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it must be, what was seen, and what to do when it is not."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class Probe:
    """A check still to be made. `look` may raise: then the check has failed for that reason."""

    name: str
    look: Callable[[], Check]


def run_checks(config: Environment, target: Target) -> tuple[Check, ...]:
    """Everything `bootstrap doctor` looks at."""
    return examine((*common(config), *target.probes, *_secrets(config, target)))


def _secrets(config: Environment, target: Target) -> tuple[Probe, ...]:
    """Secrets that are due are named; they are no reason to refuse anything."""
    timed = [seed for seed in config.seeds if seed.generate and seed.generate.rotate_after]

    def look() -> Check:
        from bootstrap.aws.api import Api  # noqa: PLC0415 - boto3 is slow to import
        from bootstrap.aws.secret_age import due  # noqa: PLC0415

        found = due(Api(target.client("ssm")), config, SystemClock().now())
        told = f"due: {', '.join(map(str, found))} (bootstrap rotate --due)" if found else "none is due"
        return Check("secrets", True, told)

    return (Probe("secrets", look),) if timed and target.exists() else ()


def examine(probes: Sequence[Probe]) -> tuple[Check, ...]:
    """Make all checks, side by side, answered in the order given."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return tuple(pool.map(_examine_one, probes))


def _examine_one(probe: Probe) -> Check:
    try:
        return probe.look()
    except BootstrapError as error:
        return Check(probe.name, False, str(error), error.cure)
    except Exception as error:  # a check that breaks must not hide the others
        return Check(probe.name, False, f"could not be checked: {type(error).__name__}: {error}")


def problems(checks: Sequence[Check]) -> tuple[Problem, ...]:
    """The failed checks in the form in which preflight and the configuration report."""
    return tuple(Problem(check.name, check.detail, check.cure) for check in checks if not check.ok)


def common(config: Environment) -> tuple[Probe, ...]:
    """What every target needs."""
    return (
        Probe("python", lambda: judge_python(sys.version_info[:3])),
        program("git", "git", ("--version",), Range(GIT_MINIMUM), "install Git: apt-get install git"),
        git_work_tree("gitops repository", config.gitops.checkout),
        writable("work folder", config.work),
        disk("disk", config.work, WORK_BYTES),
    )


# Tools


def program(name: str, command: str, arguments: Sequence[str], wanted: Range, cure: str = "") -> Probe:
    """The program `command` (a name on PATH or a path) tells its version, and that is in the range."""

    def look() -> Check:
        place = shutil.which(command)
        if place is None:
            return Check(name, False, f"{command} is not there", cure)
        return judge_program(name, place, answer([place, *arguments]), wanted, cure)

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
    """What a program says, stdout first; empty when it cannot be run, fails or takes too long."""
    try:
        done = subprocess.run(
            argv,
            env={**environment, "CHECKPOINT_DISABLE": "1"},  # Terraform would ask for news of itself
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""


def parse_version(text: str) -> Version | None:
    """The first version number in a text: `go1.26.8`, `v3.19.4+g7cfb6e4`, JSON, plain."""
    found = re.search(r"(?<![\d.])(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


# Files


def writable(name: str, folder: Path) -> Probe:
    """`folder` can be written, or made."""

    def look() -> Check:
        there = nearest(folder)
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return Check(name, True, f"{folder} is writable")
        why = "is not writable" if there.is_dir() else "is a file, not a folder"
        return Check(name, False, f"{there} {why}", f"make it writable for user {os.geteuid()}")

    return Probe(name, look)


def disk(name: str, folder: Path, needed: int, cure: str = "") -> Probe:
    """At least `needed` bytes are free where `folder` lies or would lie."""

    def look() -> Check:
        return judge_disk(name, folder, shutil.disk_usage(nearest(folder)).free, needed, cure)

    return Probe(name, look)


def judge_disk(name: str, folder: Path, free: int, needed: int, cure: str = "") -> Check:
    detail = f"{free / 1e9:.1f} GB free at {folder}, {needed / 1e9:.1f} GB needed"
    ok = free >= needed
    return Check(name, ok, detail, "" if ok else cure or f"free space on the disk of {nearest(folder)}")


def nearest(folder: Path) -> Path:
    """`folder` itself or the nearest parent that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def git_work_tree(name: str, folder: Path) -> Probe:
    """`folder` lies in a Git work tree that has a commit."""

    def look() -> Check:
        if not folder.is_dir():
            return Check(
                name, False, f"{folder} does not exist", "name an existing folder in gitops.checkout"
            )
        if shutil.which("git") is None:
            return Check(name, False, f"{folder} cannot be looked at without git", "install Git")
        if not answer(["git", "-C", str(folder), "rev-parse", "--show-toplevel"]):
            return Check(name, False, f"{folder} is not in a Git repository", f"git -C '{folder}' init")
        commit = answer(["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]).strip()
        if not commit:
            cure = f"git -C '{folder}' add -A && git -C '{folder}' commit -m 'First commit'"
            return Check(name, False, f"the repository of {folder} has no commit", cure)
        return Check(name, True, f"{folder} at commit {commit}")

    return Probe(name, look)


# Ports


def port(name: str, number: int, ours: Callable[[], Collection[int]] = tuple) -> Probe:
    """Loopback port `number` can be bound, or a process of `ours` (pids) holds it."""

    def look() -> Check:
        if can_bind(number):
            return Check(name, True, f"port {number} is free")
        return judge_holder(name, number, holder(number), ours())

    return Probe(name, look)


def judge_holder(name: str, number: int, held_by: tuple[int, str] | None, ours: Collection[int]) -> Check:
    if held_by is None:
        return Check(
            name, False, f"port {number} is in use", f"find who uses it: ss -ltnp 'sport = :{number}'"
        )
    pid, program_name = held_by
    if pid in ours:
        return Check(name, True, f"port {number} is held by our own process {pid}")
    detail = f"port {number} is in use by process {pid} ({program_name})"
    return Check(name, False, detail, f"stop that program: kill {pid}")


def can_bind(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what servers do too
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
        return True


def holder(number: int) -> tuple[int, str] | None:
    """(pid, name) of the process that listens on loopback port `number`, where the system lets us see it."""
    import psutil  # noqa: PLC0415 - takes time, and only a busy port needs it

    with contextlib.suppress(psutil.Error):
        for found in psutil.net_connections("tcp"):
            if (
                found.status == psutil.CONN_LISTEN
                and found.laddr
                and found.laddr.port == number
                and found.pid
            ):
                return found.pid, psutil.Process(found.pid).name()
    return None


# Credentials


def credentials(client: Callable[[str], Any], account: str | None, profile: str | None = None) -> Probe:
    """AWS knows us, and as the account the configuration names. `client(service)` makes a boto3 client."""

    def look() -> Check:
        who = "AWS profile " + profile if profile else "AWS credentials"
        sign_in = f"aws sso login{f' --profile {profile}' if profile else ''} (or renew the access keys)"
        try:
            identity = client("sts").get_caller_identity()
        except Exception as error:  # boto3 raises many kinds; all mean the same here
            return Check("aws credentials", False, f"{who} do not work: {error}", sign_in)
        return judge_account(identity["Account"], identity["Arn"], account)

    return Probe("aws credentials", look)


def judge_account(actual: str, arn: str, wanted: str | None) -> Check:
    if wanted and actual != wanted:
        detail = f"signed in to account {actual} as {arn}, the configuration names {wanted}"
        return Check("aws account", False, detail, f"use credentials of account {wanted}")
    return Check("aws account", True, f"{actual} as {arn}")
