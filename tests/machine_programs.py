"""Stand-ins for what needs a real machine: kubeadm, kubectl and the kubelet, with a memory.

Started by the scripts of user data on a simulated machine (tests/machines.py) as
`machine_programs.py PROGRAM ARGUMENT…`, with nothing but the standard library. Names of checks, messages
and what is kept or refused were taken down from the real kubeadm 1.34.2. "etcd" is one file of JSON in the
control plane's data folder: the cluster's id, its join tokens with their ends, its nodes.

A machine starts them some ten times on its way, so they import late what few of them need.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

VERSION = "v1.34.2"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PORTS = (6443, 10259, 10257, 10250, 2379, 2380)
KUBECONFIGS = ("admin", "super-admin", "kubelet", "controller-manager", "scheduler")
SELF_SIGNED = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
PHASES = (
    "certs",
    "kubeconfig",
    "etcd",
    "control-plane",
    "kubelet-start",
    "wait-control-plane",
    "mark-control-plane",
)


class Refused(Exception):
    """What kubeadm prints when it gives up."""


class Host(NamedTuple):  # quicker to load than a dataclass
    """A machine as its programs see it: `disk` is its own, `site` is what all machines share."""

    disk: Path
    site: Path
    node: str

    # -- what is on the disk ---------------------------------------------------------------------------

    @property
    def kubernetes(self) -> Path:
        return self.disk / "etc/kubernetes"

    @property
    def pki(self) -> Path:
        return self.kubernetes / "pki"

    @property
    def manifests(self) -> Path:
        return self.kubernetes / "manifests"

    @property
    def etcd(self) -> Path:
        return self.disk / "var/lib/etcd"

    @property
    def database(self) -> Path:
        return self.etcd / "member/snap/db"

    @property
    def running(self) -> Path:
        """There as long as the kubelet runs; gone with the power."""
        return self.disk / "run/kubelet"

    def manifest(self, component: str) -> Path:
        return self.manifests / f"{component}.yaml"

    def address(self) -> str:
        return (self.disk / "metadata/local-ipv4").read_text()

    # -- the world -------------------------------------------------------------------------------------

    def now(self) -> float:
        return float((self.site / "clock").read_text())

    def fault(self, name: str) -> str:
        """What a test has ordered to go wrong here; empty when nothing has to."""
        file = self.site / "faults" / self.node / name
        return file.read_text() if file.exists() else ""

    def reach(self, point: str) -> None:
        """The program, or the whole machine, dies here if a test has ordered so; once."""
        for name, dies in (("kubeadm", self._die), ("power", self._lose_power)):
            if self.fault(name) == point:
                (self.site / "faults" / self.node / name).unlink()
                dies()

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _lose_power(self) -> None:
        os.killpg(0, signal.SIGKILL)

    def serves(self) -> bool:
        """Whether this machine's API server answers."""
        parts = [self.running, self.manifest("etcd"), self.database]
        return all(part.exists() for part in [*parts, *map(self.manifest, COMPONENTS)])

    def api(self) -> Host | None:
        """The control plane whose API server answers."""
        file = self.site / "control-plane"
        if not file.exists():
            return None
        disk = Path(file.read_text())
        host = Host(disk, self.site, disk.name)
        return host if host.serves() else None

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.database.read_text())
        return found

    def store(self, data: dict[str, Any]) -> None:
        self.database.parent.mkdir(parents=True, exist_ok=True)
        self.database.write_text(json.dumps(data))

    # -- the kubelet -----------------------------------------------------------------------------------

    def start_kubelet(self) -> None:
        """It runs the static pods, and registers its node once it may."""
        if not (self.disk / "var/lib/kubelet/config.yaml").exists():
            return
        write(self.running)
        if self.manifest("etcd").exists() and not self.database.exists():
            self.store({"cluster": os.urandom(8).hex(), "tokens": {}, "nodes": []})
        if (self.kubernetes / "kubelet.conf").exists() and not self.fault("kubelet"):
            self.register()

    def register(self) -> None:
        api = self.api()
        if api is not None:
            data = api.stored()
            if self.node not in data["nodes"]:
                api.store({**data, "nodes": [*data["nodes"], self.node]})


# -- kubeadm -------------------------------------------------------------------------------------------


def kubeadm(host: Host, arguments: Sequence[str]) -> str:
    """What it prints. Raises Refused."""
    match arguments:
        case ["version", "-o", "short"]:
            return VERSION
        case ["config", "images", "list", *_]:
            return "registry.k8s.io/etcd:3.6.5-0"
        case ["init", "phase", "preflight", "--config", config, *rest]:
            _check(_init_errors(host), rest, config)
        case ["init", "phase", "certs", "all", "--config", _]:
            _certificates(host)
        case ["init", "--config", _, "--skip-token-print", skipped]:
            _init(host, skipped.removeprefix("--skip-phases=").split(","))
        case ["token", "create", "--ttl", "24h"]:
            return _token(host)
        case ["reset", "-f"]:
            _reset(host)
        case ["join", "--config", config]:
            _check(_join_errors(host), (), config)
            _join(host, Path(config).read_text())
        case _:
            raise Refused(f"these tests know no kubeadm {' '.join(arguments)}")
    return ""


def _check(errors: dict[str, str], rest: Sequence[str], config: str) -> None:
    assert Path(config).read_text()
    given = next((one.partition("=")[2] for one in rest if one.startswith("--ignore-preflight-errors=")), "")
    ignored = given.lower().split(",")
    fatal = {name: why for name, why in errors.items() if name.lower() not in ignored}
    if fatal:
        lines = "".join(f"\t[ERROR {name}]: {why}\n" for name, why in fatal.items())
        raise Refused(
            f"[preflight] Some fatal errors occurred:\n{lines}"
            "error: error execution phase preflight: preflight checks failed"
        )


def _init_errors(host: Host) -> dict[str, str]:
    files = [host.manifest(component) for component in (*COMPONENTS, "etcd")]
    errors = {_file_name(host, file): "already exists" for file in files if file.exists()}
    if host.running.exists():
        errors |= {f"Port-{port}": f"Port {port} is in use" for port in PORTS}
    if host.etcd.exists() and any(host.etcd.iterdir()):
        errors["DirAvailable--var-lib-etcd"] = "/var/lib/etcd is not empty"
    return errors


def _join_errors(host: Host) -> dict[str, str]:
    files = [host.kubernetes / name for name in ("kubelet.conf", "bootstrap-kubelet.conf", "pki/ca.crt")]
    errors = {_file_name(host, file): "already exists" for file in files if file.exists()}
    if host.running.exists():
        errors["Port-10250"] = "Port 10250 is in use"
    return errors


def _file_name(host: Host, file: Path) -> str:
    return f"FileAvailable--{str(file.relative_to(host.disk)).replace('/', '-')}"


def _certificates(host: Host) -> None:
    """Pairs that are there are kept, and halves of one stop it: as the real one does."""
    host.pki.mkdir(parents=True, exist_ok=True)
    for name in ("ca", "apiserver"):
        key, certificate = host.pki / f"{name}.key", host.pki / f"{name}.crt"
        if key.exists() or certificate.exists():
            if not certificate.exists() or not certificate.read_text():
                raise Refused(
                    f"error: error execution phase certs/{name}: failure loading {name} certificate: "
                    f"couldn't load the certificate file {certificate}"
                )
            continue
        made = output("openssl", *SELF_SIGNED, "-subj", f"/CN={name}", "-keyout", str(key))
        host.reach(f"certs/{name}")
        certificate.write_bytes(made)


def _init(host: Host, skipped: Sequence[str]) -> None:
    assert "preflight" in skipped
    steps = (_certificates, _kubeconfigs, _etcd, _control_plane, _kubelet, _wait, Host.register)
    for phase, step in zip(PHASES, steps, strict=True):
        if phase not in skipped:
            step(host)
            host.reach(phase)


def _kubeconfigs(host: Host) -> None:
    if not (host.pki / "ca.crt").exists():
        raise Refused("error: error execution phase kubeconfig/admin: the CA files couldn't be loaded")
    for name in KUBECONFIGS:
        file = host.kubernetes / f"{name}.conf"
        if file.exists() and not file.read_text():
            raise Refused(f"error: error execution phase kubeconfig/{name}: no CurrentContext in {file}")
        write(file)
        host.reach(f"kubeconfig/{name}")
        file.write_text(f"clusters:\n- cluster:\n    server: https://{host.address()}:6443\n")


def _etcd(host: Host) -> None:
    write(host.manifest("etcd"), "kind: Pod\n")


def _control_plane(host: Host) -> None:
    for component in COMPONENTS:
        write(host.manifest(component), "kind: Pod\n")
        host.reach(component)


def _kubelet(host: Host) -> None:
    write(host.disk / "var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n")
    write(host.site / "control-plane", str(host.disk))
    host.start_kubelet()


def _wait(host: Host) -> None:
    if not host.serves():
        raise Refused("error: error execution phase wait-control-plane: a component is unhealthy")


def _token(host: Host) -> str:
    api = host.api()
    if api is None:
        raise Refused("error: timed out waiting for the condition")
    token = f"{os.urandom(3).hex()}.{os.urandom(8).hex()}"
    data = api.stored()
    api.store({**data, "tokens": {**data["tokens"], token: host.now() + 24 * 3600}})
    return token


def _reset(host: Host) -> None:
    """It takes etcd's data along where there is a manifest of etcd."""
    doomed = [host.running, host.kubernetes, host.disk / "var/lib/kubelet"]
    if host.manifest("etcd").exists():
        doomed.append(host.etcd)
    output("rm", "-rf", *map(str, doomed))


def _join(host: Host, config: str) -> None:
    api, token = host.api(), _field(config, r"token: (\S+)")
    cannot = "error: error execution phase preflight: couldn't validate the identity of the API Server:"
    if api is None or _field(config, r"apiServerEndpoint: (\S+)") != f"{api.address()}:6443":
        raise Refused(f"{cannot} failed to request the cluster-info ConfigMap: connection refused")
    if api.stored()["tokens"].get(token, 0.0) <= host.now():
        raise Refused(
            f"{cannot} could not find a JWS signature in the cluster-info ConfigMap for token ID "
            f'"{token.partition(".")[0]}"'
        )
    if _field(config, r'caCertHashes: \["(\S+)"\]') != _fingerprint(api.pki / "ca.crt"):
        raise Refused(f"{cannot} cluster CA found in cluster-info ConfigMap is invalid")
    write(host.pki / "ca.crt", (api.pki / "ca.crt").read_text())
    write(host.kubernetes / "bootstrap-kubelet.conf", token)
    write(host.disk / "var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n")
    host.start_kubelet()
    host.reach("join")
    write(host.kubernetes / "kubelet.conf", "current-context: default\n")
    (host.kubernetes / "bootstrap-kubelet.conf").unlink()
    host.start_kubelet()


def _field(config: str, pattern: str) -> str:
    found = re.search(pattern, config)
    assert found, f"{pattern} is not in the configuration"
    return found.group(1)


def _fingerprint(certificate: Path) -> str:
    import hashlib  # noqa: PLC0415 - see above

    pem = output("openssl", "x509", "-in", str(certificate), "-pubkey", "-noout")
    der = output("openssl", "pkey", "-pubin", "-outform", "der", given=pem)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def output(*command: str, given: bytes = b"") -> bytes:
    import subprocess  # noqa: PLC0415 - see above

    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


# -- kubectl -------------------------------------------------------------------------------------------


def kubectl(host: Host, arguments: Sequence[str]) -> str:
    """What it prints. Raises Refused."""
    if arguments[:2] == ["config", "view"]:
        return _field((host.kubernetes / "admin.conf").read_text(), r"server: (\S+)")
    if host.api() is None:
        raise Refused("The connection to the server was refused - did you specify the right host or port?")
    return ""


def write(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def main() -> None:
    program, *arguments = sys.argv[1:]
    host = Host(Path(os.environ["MACHINE_DISK"]), Path(os.environ["MACHINE_SITE"]), os.environ["NODE"])
    try:
        said = {"kubeadm": kubeadm, "kubectl": kubectl}[program](host, arguments)
    except Refused as error:
        sys.stderr.write(f"{error}\nTo see the stack trace of this error execute with --v=5 or higher\n")
        sys.exit(1)
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
