"""Who holds a loopback port."""

from __future__ import annotations

import contextlib

from bootstrap.checks.model import Check


def judge_holder(name: str, number: int, held_by: tuple[int, str] | None) -> Check:
    """The check of a port that is in use; `held_by` is what `holder` has found."""
    if held_by is None:
        cure = f"find who uses it: ss -ltnp 'sport = :{number}'"
        return Check(name, False, f"port {number} is in use", cure)
    pid, program_name = held_by
    detail = f"port {number} is in use by process {pid} ({program_name})"
    return Check(name, False, detail, f"stop that program: kill {pid}")


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
