"""The processes as data: complete command lines, nothing started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.local.components import Component
from bootstrap.local.components.base import BASE, build_aws, build_simulator, build_upstream
from bootstrap.local.components.control_plane import build_all, egress_config
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.platform import PROGRAMS
from bootstrap.local.state import ports
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from tests.local_credentials import LOCAL

ROOT = Path("/home/some user/.bootstrap/environments/local/local")


@pytest.fixture(scope="module")
def site() -> Site:
    layout = StateLayout(ROOT)
    chosen = ports.locate(layout.ports, lambda port: True)
    return Site(
        layout,
        chosen,
        {name: Path("/tools") / name for name in PROGRAMS},
        Path("/share"),
        "eu-west-1",
        ROOT / "s",
        LOCAL,
    )


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki(ROOT / "control-plane" / "pki", "https://127.0.0.1:1")


def everything(site: Site, pki: Pki) -> Iterator[Component]:
    yield from (build_aws(site), build_upstream(site, ROOT / "upstream.json"), build_simulator(site))
    yield from build_all(site, pki)


def test_needs_name_components_and_go_round_in_no_circle(site: Site, pki: Pki) -> None:
    known: set[str] = set()
    for component in everything(site, pki):
        assert set(component.needs) <= known
        known.add(component.name)
    assert known >= BASE


def test_everything_listens_on_loopback_only(site: Site, pki: Pki) -> None:
    for component in everything(site, pki):
        assert component.probe
        assert component.probe.port in site.ports.values()
    by_name = {component.name: component.argv for component in everything(site, pki)}
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        assert "--bind-address=127.0.0.1" in by_name[name]


def test_probes_use_different_ports(site: Site, pki: Pki) -> None:
    used = [component.probe.port for component in everything(site, pki) if component.probe]
    assert len(used) == len(set(used))


def test_no_component_gets_credentials_of_the_user(
    site: Site, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    for component in everything(site, pki):
        assert "canary" not in component.dump()


def test_the_api_server_calls_the_cluster_through_our_network(site: Site, pki: Pki) -> None:
    assert f'"https://127.0.0.1:{site.ports["egress"]}"' in egress_config(site, pki)
    argv = next(each.argv for each in build_all(site, pki) if each.name == "kube-apiserver")
    assert f"--egress-selector-config-file={ROOT}/control-plane/egress.json" in argv
    assert "--authorization-mode=Node,RBAC" in argv
