"""A bare API server with its etcd, for tests and measurements that need no more of a cluster."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import Unreachable
from bootstrap.kubernetes.objects import CONFIG_MAP
from bootstrap.local.toolchain import Toolchain

TOOLCHAIN = Toolchain.locate(Path(__file__).parents[1])
DEADLINE = 60.0  # seconds until it answers


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Server:
    """etcd and an API server with these flags besides those it needs. Use with `with`: then it is ready."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder, self.flags = folder, flags
        self.etcd_port, self.peer_port, self.port = free_ports(3)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        key = folder / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        (folder / "tokens.csv").write_text("admin,admin,admin,system:masters\nnobody,nobody,nobody\n")

    def __enter__(self) -> Server:
        try:
            self.start_etcd()
            self.start_api()
            eventually((self.folder / "certs" / "apiserver.crt").exists)
            eventually(lambda: ready(self.cluster()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for program in list(self.processes):
            self.stop(program, signal.SIGKILL)

    def start(self, program: str, *arguments: str) -> None:
        log = (self.folder / f"{program}.log").open("ab")
        with log:
            self.processes[program] = subprocess.Popen(
                [str(TOOLCHAIN.path(program)), *arguments], stdout=log, stderr=log, cwd=self.folder
            )

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self.start(
            "etcd",
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )

    def start_api(self) -> None:
        self.start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--cert-dir=certs",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            "--service-account-key-file=sa.key",
            "--service-account-signing-key-file=sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            *self.flags,
        )

    def stop(self, program: str, how: int = signal.SIGTERM) -> None:
        process = self.processes.pop(program)
        process.send_signal(how)
        process.wait(DEADLINE)

    def kubeconfig(self, user: str) -> Path:
        path = self.folder / f"kubeconfig-{user}"
        address = f"https://127.0.0.1:{self.port}"
        authority = self.folder / "certs" / "apiserver.crt"
        path.write_text(
            f"""
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{address}", certificate-authority: "{authority}"}}}}]
users: [{{name: u, user: {{token: {user}}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
        )
        return path

    def cluster(self, user: str = "admin") -> Cluster:
        return Cluster.from_kubeconfig(self.kubeconfig(user))


def ready(cluster: Cluster) -> bool:
    try:
        return cluster.ready() == "" and cluster.serves(CONFIG_MAP)
    except Unreachable:
        return False


def eventually(probe: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not probe():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
