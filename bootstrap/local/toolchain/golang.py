"""Go itself: finding it, its environment, and what its failures mean."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from bootstrap.doctor import parse_version
from bootstrap.errors import PermanentError, TemporaryError, ToolError
from bootstrap.local.toolchain import caches, versions
from bootstrap.local.toolchain.recipes import GO_MINIMUM

FLAGS = "-mod=readonly -trimpath -buildvcs=false"

_NETWORK = (
    "no such host",
    "dial tcp",
    "i/o timeout",
    "TLS handshake timeout",
    "connection reset",
    "connection refused",
    "unexpected EOF",
    "502 Bad Gateway",
    "503 Service Unavailable",
)


def find(which: versions.Which = shutil.which, ask: versions.Ask = versions.ask) -> Path | None:
    """The `go` on PATH when it is new enough, else None."""
    place = which("go")
    if place is None:
        return None
    version = parse_version(ask(Path(place), ("env", "GOVERSION")))
    return Path(place) if version is not None and version >= GO_MINIMUM else None


def environment(go: Path, cache: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a build: the user's module and build caches when writable, else below `cache`.

    GOTOOLCHAIN=local: a Go that is too old is an error here, not a reason to download another one unseen.
    """
    result = {**base, "GOFLAGS": FLAGS, "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on"}
    result["PATH"] = f"{go.parent}{os.pathsep}{base.get('PATH', os.defpath)}"
    for name, ours in (("GOMODCACHE", cache / "go" / "mod"), ("GOCACHE", cache / "go" / "build")):
        theirs = versions.ask(go, ("env", name), result).strip()
        # Without a home Go answers nothing, or "off".
        usable = Path(theirs).is_absolute() and caches.writable(Path(theirs))
        result[name] = theirs if usable else str(ours)
    return result


def failure(what: str, said: list[str], log: Path) -> PermanentError | TemporaryError:
    """The error for a failed build, from Go's last lines."""
    shown = said[-12:]
    text = "\n".join(shown)
    why = f"\n{text}\nThe whole output is in {log}"
    if "no space left on device" in text:
        return ToolError(
            what, f"the disk is full{why}", "free space, then run again: finished parts are kept"
        )
    if any(sign in text for sign in _NETWORK):
        cure = "check the network and GOPROXY (`go env GOPROXY`); what was fetched so far is kept"
        return TemporaryError(what, f"a Go module could not be fetched{why}", cure)
    return ToolError(what, why, f"read {log}; a broken module cache is cured by: go clean -modcache")
