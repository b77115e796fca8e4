"""Simulated machines that run the real scripts of user data.

A folder is a machine's disk. What cloud-init would write there is written there, as Terraform renders it; a
service is started as its unit says, with the paths in the scripts led into the folder. SSM is moto over HTTP,
asked by the real `parameter` program, or, without an endpoint, files, which is much faster. The packages
that a machine installs are stand-ins (machine_programs.py), and only what is installed can be called.

    site = Site(folder, user_data, endpoint)
    site.machine("cp").boot()          # .service() is another attempt, as systemd makes them
    site.fault("api-auth", "power", "join")
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.aws.api import Api
from bootstrap.aws.ssm import read
from tests.aws_context import REGION, client
from tests.machine_programs import Host
from tests.programs import PYTHON
from tests.unit.terraform.rendered import STACK, UserData

FILES = STACK / "modules" / "user-data" / "files"
TOOLS = ("bash", "jq", "openssl", "envsubst")  # without these on PATH nothing runs here
LIMIT = 300.0  # seconds for one attempt, on a machine that is busy with other things

# Of Ubuntu before anything is installed; coreutils and the like as they are here.
STOCK = (
    *("bash", "sh", "cat", "chmod", "cp", "cut", "date", "env", "grep", "head", "install", "ls", "mkdir"),
    *("mktemp", "mv", "openssl", "rm", "sed", "sha256sum", "tail", "touch", "tr"),
)
FOLDERS = (
    *("/dev", "/tmp", "/var/lib", "/var/log", "/etc/modules-load.d", "/etc/sysctl.d"),  # noqa: S108
    *("/etc/apt/apt.conf.d", "/etc/apt/keyrings", "/etc/apt/sources.list.d"),
)
PROGRAMS = Path(__file__).with_name("machine_programs.py")
REMEMBERING = ("kubeadm", "kubectl")
# By package: what it brings. None: the program of that name as it is here.
PACKAGES: Mapping[str, Mapping[str, str | None]] = {
    "ca-certificates": {},
    "containerd": {"containerd": "echo 'SystemdCgroup = false'", "ctr": ""},
    "curl": {},
    "gettext-base": {"envsubst": None},
    "gnupg": {"gpg": 'cat "${*: -1}"'},  # what curl gives for a key is what gpg says of it
    "jq": {"jq": None},
    "kubeadm": {"kubeadm": ""},
    "kubectl": {"kubectl": ""},
    "kubelet": {"kubelet": ""},
    "python3-boto3": {"boto3": ""},
}
ALWAYS: Mapping[str, str] = {
    "apt-get": """
case "$1" in
  update) wanted=update;;
  install) wanted="${*:3}";;
esac
for package in $wanted; do
  if [ "$(cat "$MACHINE_SITE/faults/$NODE/apt" 2>/dev/null)" = "$package" ]; then
    echo "E: Unable to fetch $package: the mirror does not answer" >&2
    exit 100
  fi
  [ "$package" = update ] || cp -a "$MACHINE_DISK/repository/$package/." "$MACHINE_DISK/usr/bin/"
done""",
    "apt-mark": "",
    "curl": """
[ "$2" != -o ] || exec >"$3"
[ "$4" != -o ] || exec >"$5"
forged=$(cat "$MACHINE_SITE/faults/$NODE/forged" 2>/dev/null)
case "${*: -1}" in
  */api/token) echo token;;
  */meta-data/*) path="${*: -1}"; cat "$MACHINE_DISK/metadata/${path##*/meta-data/}";;
  *"/$forged") echo forged;;
  */Release.key) printf 'pub:-\\nfpr:::::::::%s:\\n' "$KUBERNETES_KEY";;
  *) echo manifest;;
esac""",
    "dpkg": "",
    "modprobe": "",
    "sleep": "exec /bin/sleep 0.05",
    "swapoff": "",
    "sync": "",
    "sysctl": "",
    "systemctl": """
[ "$1" = enable ] || exit 0
for unit in "${@:2}"; do
  case "$unit" in --*) continue;; *.*) ;; *) unit="$unit.service";; esac
  mkdir -p "$MACHINE_DISK/run-at-boot"; touch "$MACHINE_DISK/run-at-boot/$unit"
done""",
}
PARAMETERS = """
file="$MACHINE_SITE/parameters$2"
case "$1" in
  put) mkdir -p "${file%/*}"; cat >"$file";;
  get) cat "$file";;
  find) [ ! -f "$file" ] || cat "$file";;
esac"""
_PLACES = re.compile(r"(?<![\w.}$])(/etc/|/var/lib/|/var/log/|/usr/local/sbin/|/usr/bin/|/dev/console)")


@dataclass(frozen=True)
class Disk:
    """A folder that stands for a machine's disk. Each call of a stand-in program is a line of `calls`."""

    folder: Path

    def at(self, path: str) -> Path:
        """Where an absolute path of the machine is."""
        return self.folder / path.lstrip("/")

    def led(self, text: str) -> str:
        """A script or unit whose paths lead here."""
        return _PLACES.sub(lambda found: f"{self.folder}{found.group()}", text)

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        file = self.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file

    def program(self, name: str, body: str = "", folder: str = "/usr/bin") -> None:
        """A stand-in for a program, in bash."""
        text = f'#!/bin/bash\necho "{name} $*" >>"{self.folder}/calls"\n{body}\n'
        self.write(f"{folder}/{name}", text, 0o755)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A real script of user data, with this machine's programs before the system's."""
        text = self.led((FILES / script).read_text(encoding="utf-8"))
        path = f"{self.at('/usr/bin')}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", text],
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@dataclass(frozen=True)
class Machine:
    """An EC2 instance. `boot` is for the first time and for every later one."""

    name: str
    disk: Disk
    site: Site

    @property
    def host(self) -> Host:
        return Host(self.disk.folder, self.site.folder, self.name)

    def boot(self) -> bool:
        """Power on: cloud-init at the first boot, then what is enabled. Whether it is a node now."""
        data = self.site.user_data[self.name]
        if not self.disk.at("/etc/bootstrap").exists():
            _cloud_init(self, data)
        if self._enabled("kubelet"):
            self.host.start_kubelet()
        return self._enabled("bootstrap-node") and self.service()

    def power_off(self) -> None:
        self.host.running.unlink(missing_ok=True)

    def service(self, unit: str = "bootstrap-node") -> bool:
        """Start a service once, as its unit says; whether it succeeded."""
        text = self.disk.at(f"/etc/systemd/system/{unit}.service").read_text(encoding="utf-8")
        lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        log = lines.get("StandardOutput", "append:/dev/null").removeprefix("append:")
        with Path(log).open("a", encoding="utf-8") as out:
            process = subprocess.Popen(
                ["bash", "-c", 'exec "$0"', lines["ExecStart"]],
                env=self._environment(lines["EnvironmentFile"]),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            try:
                code = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if code == -signal.SIGKILL:  # the whole machine died
            self.power_off()
        return code == 0

    def served(self, attempts: int = 3) -> bool:
        """As systemd does: again until it succeeds."""
        return any(self.service() for _ in range(attempts))

    @property
    def log(self) -> str:
        return self.disk.at("/var/log/bootstrap-node.log").read_text(encoding="utf-8")

    @property
    def console(self) -> str:
        """What EC2 would show."""
        return self.disk.at("/dev/console").read_text(encoding="utf-8")

    def calls(self, program: str = "") -> list[str]:
        return [call for call in self.disk.calls if call.startswith(f"{program} ") or not program]

    @property
    def marker(self) -> dict[str, str] | None:
        """What it says of itself in SSM."""
        text = self.site.parameter(f"nodes/{self.name}/status")
        if text is None:
            return None
        found: dict[str, str] = json.loads(text)
        return found

    def _enabled(self, unit: str) -> bool:
        return self.disk.at(f"/run-at-boot/{unit}.service").exists()

    def _environment(self, file: str) -> dict[str, str]:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        own = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}
        return {
            **own,
            "PATH": f"{self.disk.at('/usr/local/sbin')}{os.pathsep}{self.disk.at('/usr/bin')}",
            "TMPDIR": str(self.disk.at("/tmp")),  # noqa: S108 - the machine's own
            "MACHINE_DISK": str(self.disk.folder),
            "MACHINE_SITE": str(self.site.folder),
            "AWS_ENDPOINT_URL": self.site.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }


@dataclass(frozen=True)
class Site:
    """What machines share: time, SSM at `endpoint`, and what is ordered to go wrong."""

    folder: Path
    user_data: Mapping[str, UserData]
    endpoint: str = ""
    prefix: str = "/eco2/dev"

    def machine(self, name: str, address: str = "10.0.0.4", instance: str = "") -> Machine:
        """A new machine, off, with an empty disk."""
        if not (self.folder / "clock").exists():
            self.pass_time(time.time())
        disk = Disk(self.folder / (instance or name) / name)
        for path in FOLDERS:
            disk.at(path).mkdir(parents=True, exist_ok=True)
        facts = {"instance-id": instance or f"i-{name}", "local-ipv4": address}
        for fact, value in {**facts, "placement/availability-zone": f"{REGION}a"}.items():
            disk.write(f"/metadata/{fact}", value)
        _programs(disk)
        return Machine(name, disk, self)

    def fault(self, node: str, what: str, value: str = "") -> None:
        """`apt`: a package, or `update`; `forged`: a file that is not the real one; `kubeadm`, `power`: where
        it dies; `kubelet`: it never registers.

        Without a value it is over.
        """
        file = self.folder / "faults" / node / what
        file.parent.mkdir(parents=True, exist_ok=True)
        if value:
            file.write_text(value)
        else:
            file.unlink(missing_ok=True)

    def pass_time(self, seconds: float) -> None:
        file = self.folder / "clock"
        file.write_text(str((float(file.read_text()) if file.exists() else 0.0) + seconds))

    def parameter(self, name: str) -> str | None:
        if not self.endpoint:
            file = self.folder / f"parameters{self.prefix}/{name}"
            return file.read_text() if file.exists() else None
        ssm = Api(client("ssm", self.endpoint))
        return next(iter(read(ssm, [f"{self.prefix}/{name}"]).values()), None)

    def parameters(self) -> dict[str, str]:
        """All of them, by name; not for a site with an endpoint."""
        root = self.folder / "parameters"
        files = [file for file in root.rglob("*") if file.is_file()]
        return {f"/{file.relative_to(root)}": file.read_text() for file in files}

    def nodes(self, control_plane: Machine) -> set[str]:
        """Names of the nodes that have registered."""
        return set(control_plane.host.stored()["nodes"])


def _cloud_init(machine: Machine, data: UserData) -> None:
    disk = machine.disk
    for path, content in data.files.items():
        disk.write(path, disk.led(content), int(data.modes[path], 8))
    if not machine.site.endpoint:
        disk.program("parameter", PARAMETERS, "/usr/local/sbin")
    environment = machine._environment(str(disk.at("/etc/bootstrap/node.env")))
    if (checksums := disk.at("/etc/bootstrap/calico.sha256")).exists():  # of what the stand-in of curl gives
        digest = hashlib.sha256(b"manifest\n").hexdigest()
        checksums.write_text(re.sub(r"^\w{64}", digest, checksums.read_text(), flags=re.MULTILINE))
    for command in data.config["runcmd"]:
        subprocess.run(command, env=environment, check=True)


def _programs(disk: Disk) -> None:
    disk.at("/usr/bin").mkdir(parents=True)
    for name in STOCK:
        disk.at(f"/usr/bin/{name}").symlink_to(str(shutil.which(name)))
    for name, body in ALWAYS.items():
        disk.program(name, body)
    # boto3 is a package, too: without it Python has none.
    bare = f'[ -e "{disk.at("/usr/bin/boto3")}" ] || exec {PYTHON} -S "$@"'
    disk.write("/usr/bin/python3", f'#!/bin/bash\n{bare}\nexec {PYTHON} "$@"\n', 0o755)
    for package, programs in PACKAGES.items():
        disk.at(f"/repository/{package}").mkdir(parents=True)
        for name, stand_in in programs.items():
            place = f"/repository/{package}"
            if stand_in is None:
                disk.at(f"{place}/{name}").symlink_to(str(shutil.which(name)))
            elif name in REMEMBERING:
                disk.program(name, f'exec {PYTHON} -I -S "{PROGRAMS}" {name} "$@"', place)
            else:
                disk.program(name, stand_in, place)
