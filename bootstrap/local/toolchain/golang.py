"""Go itself: finding it, and the environment in which it builds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from bootstrap.checks.tools import answer, parse_version
from bootstrap.local.toolchain import caches
from bootstrap.local.toolchain.recipes import GO_MINIMUM
from bootstrap.local.toolchain.versions import Ask, Which

# The linker drops debug information anyway; not making it saves a tenth of the compiler's time.
FLAGS = "-mod=readonly -trimpath -buildvcs=false -gcflags=all=-dwarf=false"


def find(which: Which = shutil.which, ask: Ask = answer) -> Path | None:
    """The `go` on PATH when it is new enough itself, whatever other Go it could download, else None."""
    place = which("go")
    if place is None:
        return None
    version = parse_version(ask([place, "env", "GOVERSION"], {**os.environ, "GOTOOLCHAIN": "local"}))
    return Path(place) if version is not None and version >= GO_MINIMUM else None


def environment(
    go: Path, cache: Path, base: Mapping[str, str] = os.environ, ask: Ask = answer
) -> dict[str, str]:
    """The environment of a build: the user's module and build caches when writable, else below `cache`.

    The user's own GOFLAGS do not count: what comes out is keyed by our recipe alone. GOTOOLCHAIN=local: no
    other Go is downloaded unseen.
    """
    result = {**base, "GOFLAGS": FLAGS, "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on"}
    result["CGO_ENABLED"] = "0"  # no C compiler needed, and what comes out depends on no library
    result.setdefault("GOGC", "400")  # the compiler spends a quarter less time, with a little more memory
    for name in ("GOOS", "GOARCH"):  # the programs are to run here
        result.pop(name, None)
    result["PATH"] = f"{go.parent}{os.pathsep}{base.get('PATH', os.defpath)}"
    for name, ours in (("GOMODCACHE", cache / "go" / "mod"), ("GOCACHE", cache / "go" / "build")):
        theirs = Path(ask([go, "env", name], result).strip())
        # Without a home Go answers nothing, or "off".
        result[name] = str(theirs if theirs.is_absolute() and caches.writable(theirs) else ours)
    return result
