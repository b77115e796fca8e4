"""What `bootstrap doctor` and preflight look at before the local platform is built and started."""

from __future__ import annotations

import platform

from bootstrap.checks.files import judge_disk, writable
from bootstrap.checks.model import Check, Probe, dotted
from bootstrap.local.toolchain import golang
from bootstrap.local.toolchain.locate import Toolchain
from bootstrap.local.toolchain.recipes import GO_MINIMUM, GO_WHEEL


def probes(toolchain: Toolchain) -> tuple[Probe, ...]:
    """Checks of the toolchain: the machine, Go, the cache and its disk, and what is made or found."""
    return (
        Probe("machine", lambda: judge_machine(platform.system(), platform.machine())),
        Probe("go", lambda: _go(toolchain)),
        writable("toolchain cache", toolchain.cache),
        Probe("toolchain disk", lambda: _disk(toolchain)),
        Probe("toolchain", lambda: judge_missing(toolchain)),
    )


def judge_machine(system: str, machine: str) -> Check:
    """The AWS provider, Terraform and Redis come as wheels for this platform only."""
    ok = (system, machine) == ("Linux", "x86_64")
    cure = "" if ok else "run on Linux x86_64; the AWS target works elsewhere"
    return Check("machine", ok, f"{system} {machine}", cure)


def _go(toolchain: Toolchain) -> Check:
    if not toolchain.missing():
        return Check("go", True, "not needed: the toolchain is complete")
    found = golang.find()
    if found is not None:
        return Check("go", True, str(found))
    return Check("go", True, f"no Go >= {dotted(GO_MINIMUM)} on PATH: the wheel {GO_WHEEL} will be used")


def _disk(toolchain: Toolchain) -> Check:
    free, needed = toolchain.disk_free(), toolchain.disk_needed()
    cure = "free space, or set BOOTSTRAP_CACHE to a folder on a larger disk"
    return judge_disk("toolchain disk", toolchain.cache, free, needed, cure)


def judge_missing(toolchain: Toolchain) -> Check:
    """A missing part is not a fault: `bootstrap up` makes it. Which programs of PATH are used is said."""
    found = [f"{name} from {place}" for name, place in sorted(toolchain.on_path.items())]
    missing = toolchain.missing()
    state = (
        f"will be made by `bootstrap up`: {', '.join(missing)}"
        if missing
        else f"complete in {toolchain.cache}"
    )
    return Check("toolchain", True, "; ".join([state, *found]))
