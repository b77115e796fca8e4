"""What a failed `go` or `pip` means, from its last lines."""

from __future__ import annotations

from pathlib import Path

from bootstrap.core.errors import PermanentError, TemporaryError, ToolError

LINES = 12  # shown to people
_FORGED = ("do not match the hashes", "checksum mismatch")  # pip, go
_NETWORK = (
    "no such host",
    "dial tcp",
    "timeout",
    "timed out",
    "connection reset",
    "connection refused",
    "unexpected eof",
    "name resolution",
    "network is unreachable",
    "bad gateway",
    "service unavailable",
    "too many requests",
)


def judge(what: str, said: list[str], log: Path) -> PermanentError | TemporaryError:
    """The error to raise: TemporaryError when the network was in the way."""
    text = "\n".join(said[-LINES:])
    why = f"\n{text}\nThe whole output is in {log}"
    if "no space left on device" in text.lower():
        return ToolError(what, f"the disk is full{why}", "free space and run again: finished parts are kept")
    if any(sign in text.lower() for sign in _FORGED):
        cure = (
            "do not use it: check pip's index, GOPROXY and what is cached; a pin is changed only on purpose"
        )
        return ToolError(what, f"what was fetched is not what is pinned{why}", cure)
    if any(sign in text.lower() for sign in _NETWORK):
        cure = "check the network, GOPROXY and pip's index; what was fetched so far is kept"
        return TemporaryError(what, f"something could not be fetched{why}", cure)
    return ToolError(what, why, f"read {log}; a damaged module cache is cured by: go clean -modcache")
