"""Starts the programs that read somebody else's files: git, helm, kustomize.

Each gets an environment of its own instead of ours, a session of its own, limits, and a confinement; what it
says is read up to a limit; and at the end nothing of its session is left.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.core.confine import FREE, Confinement, start

_PIECE = 1 << 16
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
# What leads outside, with the user's own credentials: for a program that fetches something, for no other.
_OUTSIDE = frozenset(
    (
        *(f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")),
        *(f"{name}_proxy" for name in ("http", "https", "all", "no")),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "HOME", "USER", "LOGNAME"),
        *("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"),
        *("HELM_CONFIG_HOME", "HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_CONFIG"),
        *("SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"),
        *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
    )
)
# The helpers that log in to a cloud's registry read that cloud's variables.
_CLOUDS = (
    (".amazonaws.com", "AWS_"),
    (".amazonaws.com.cn", "AWS_"),
    (".pkg.dev", "GOOGLE_"),
    (".azurecr.io", "AZURE_"),
)


class Overrun(Exception):
    """A limit was reached; the message says which."""


@dataclass(frozen=True)
class Limits:
    """`seconds` of time, `processor` seconds of work; bytes of `memory`, of each `file` and of `output`."""

    seconds: float = 120.0
    processor: int = 120
    memory: int = 1 << 30
    file: int = 512 << 20
    output: int = 128 << 20


LIMITS = Limits()


@dataclass(frozen=True)
class Ended:
    """`code` is negative for a signal, as in subprocess."""

    code: int
    output: bytes
    errors: bytes

    @property
    def words(self) -> str:
        return self.errors.decode(errors="replace").strip() or f"exit {self.code}"


def environment(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Of a program that needs nothing of ours: where programs are, a home of its own, the language."""
    named = {name: environ[name] for name in _LOCALE if name in environ}
    return {"PATH": environ.get("PATH", os.defpath), "HOME": str(home), "TMPDIR": str(home), **named}


def outside(host: str = "", environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a program needs besides to fetch something from that host as the user would."""
    prefixes = ("GIT_CONFIG_", *(prefix for suffix, prefix in _CLOUDS if host.endswith(suffix)))
    return {name: value for name, value in environ.items() if name in _OUTSIDE or name.startswith(prefixes)}


@dataclass
class Children:
    """Programs that run now. Safe to use from threads."""

    _running: set[int] = field(default_factory=set)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: Path,
        *,
        stdin: bytes = b"",
        limits: Limits = LIMITS,
        confinement: Confinement = FREE,
    ) -> Ended:
        """Raises OSError when it cannot be started, Overrun."""
        process = _start(argv, environ, cwd, stdin, confinement)
        with self._lock:
            self._running.add(process.pid)
            closed = self._closed
        try:
            _bound(process.pid, limits)
            if closed:
                raise Overrun(f"{_name(argv)} was interrupted")
            return _watch(process, _name(argv), limits)
        finally:
            _kill(process.pid)
            with process, self._lock:
                self._running.discard(process.pid)

    def close(self) -> None:
        """End all that run, and whatever is started from now on."""
        with self._lock:
            self._closed = True
            for group in self._running:
                _kill(group)


def _start(
    argv: Sequence[str], environ: Mapping[str, str], cwd: Path, stdin: bytes, confinement: Confinement
) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        return start(
            confinement,
            lambda: subprocess.Popen(
                argv,
                cwd=cwd,
                env=environ,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ),
        )


def _bound(pid: int, limits: Limits) -> None:
    """Set from outside, as code between fork and exec is not safe beside threads. Linux only."""
    if not hasattr(resource, "prlimit"):
        return
    wanted = {
        resource.RLIMIT_CPU: limits.processor,
        resource.RLIMIT_DATA: limits.memory,
        resource.RLIMIT_FSIZE: limits.file,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in wanted.items():
        with suppress(ProcessLookupError, PermissionError, ValueError):  # it has ended, or has less already
            resource.prlimit(pid, kind, (most, most))


def _watch(process: subprocess.Popen[bytes], name: str, limits: Limits) -> Ended:
    """What it says until it ends. Raises Overrun."""
    deadline = time.monotonic() + limits.seconds
    try:
        output, errors = _read(process, name, limits, deadline)
        code = process.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        raise Overrun(f"{name} gave no answer within {limits.seconds:.0f} s") from None
    if code in {-signal.SIGKILL, -signal.SIGXCPU}:
        raise Overrun(f"{name} was ended, as it worked for more than {limits.processor} s, or from outside")
    if (code and b"out of memory" in errors) or b"cannot allocate memory" in errors:
        raise Overrun(f"{name} needs more than {limits.memory >> 20} MiB of memory")
    return Ended(code, output, errors)


def _read(
    process: subprocess.Popen[bytes], name: str, limits: Limits, deadline: float
) -> tuple[bytes, bytes]:
    """Raises Overrun, subprocess.TimeoutExpired."""
    assert process.stdout is not None and process.stderr is not None  # noqa: S101 - pipes were asked for
    said = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(deadline - time.monotonic(), 0.0))
            if not ready:
                raise subprocess.TimeoutExpired(name, limits.seconds)
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                said[key.fd] += piece
                if not piece:
                    selector.unregister(key.fd)
            if sum(map(len, said.values())) > limits.output:
                raise Overrun(f"{name} says more than {limits.output >> 20} MiB")
    output, errors = said.values()
    return bytes(output), bytes(errors)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies is not ours to kill
        os.killpg(group, signal.SIGKILL)


def _name(argv: Sequence[str]) -> str:
    return Path(argv[0]).name
