"""The components that run from the start: AWS, the way to the outside world, and the simulated machines."""

from __future__ import annotations

import sys
from pathlib import Path

from bootstrap.local.components.component import Component, Probe
from bootstrap.local.state.site import Site

BASE = frozenset({"aws", "upstream", "simulator"})
# Many threads make glibc keep as many arenas, which only cost memory here.
PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore", "MALLOC_ARENA_MAX": "2"}


def build_aws(site: Site) -> Component:
    return Component(
        name="aws",
        argv=_python(
            "bootstrap.local.aws",
            *("--port", site.ports["aws"], "--state", site.layout.aws),
            *("--credentials", site.layout.credentials),
        ),
        environment=PYTHON,
        probe=Probe(site.ports["aws"], "/_bootstrap/ready"),
        grace=30.0,  # it dumps its state first
    )


def build_upstream(site: Site, config: Path) -> Component:
    return Component(
        name="upstream",
        argv=_python("bootstrap.local.upstream", "--config", config),
        environment=PYTHON,
        probe=Probe(site.ports["upstream"], "/_bootstrap/ready"),
    )


def build_simulator(site: Site) -> Component:
    return Component(
        name="simulator",
        argv=_python("bootstrap.local.simulator", "--state", site.layout.root),
        environment={**PYTHON, **site.aws_environment},
        probe=Probe(site.ports["egress"]),
        needs=("aws",),
    )


def _python(module: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *map(str, arguments))
