"""Where the local platform of one environment keeps its files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StateLayout:
    """`root` is the platform's state folder; the platform writes nowhere else."""

    root: Path

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def credentials(self) -> Path:
        """Who may use the simulated AWS and the proxy (credentials.py)."""
        return self.root / "credentials.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def records(self) -> Path:
        """The running processes, as the supervisor last saw them."""
        return self.root / "supervisor.json"

    @property
    def desired(self) -> Path:
        """The folder with one file for each component that should run."""
        return self.root / "desired"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def aws(self) -> Path:
        return self.root / "aws"

    @property
    def upstream(self) -> Path:
        return self.root / "upstream"

    @property
    def control_plane(self) -> Path:
        """The disk of the simulated control-plane machine. It is deleted when that machine is terminated."""
        return self.root / "control-plane"

    @property
    def injected_faults(self) -> Path:
        """Which faults are injected into the cluster (faults/cluster.py)."""
        return self.root / "faults.json"

    @property
    def workloads(self) -> Path:
        return self.root / "workloads"

    def run_folder(self, component: str) -> Path:
        """The working folder of a component, which is also its HOME and TMPDIR."""
        return self.root / "run" / component

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"
