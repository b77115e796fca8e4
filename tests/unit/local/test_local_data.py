"""Ports, files, components and their description: what is kept and read again."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.errors import StuckError
from bootstrap.core.files import read_json, write_private, write_private_if_changed
from bootstrap.local.components import Component, Probe
from bootstrap.local.components.desired import Desired
from bootstrap.local.state import ports
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from bootstrap.local.supervisor.identity import Process
from bootstrap.local.supervisor.records import ProcessRecord, ProcessRecords
from tests.local_credentials import LOCAL


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    chosen = ports.locate(file, lambda port: True)
    assert not file.exists(), "looking writes nothing"
    ports.keep(file, chosen)
    assert ports.locate(file, lambda port: False) == chosen


def test_a_block_with_a_busy_port_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = ports.locate(file, lambda port: True)
    second = ports.locate(file, lambda port: port != first["kwok"])
    assert not set(first.values()) & set(second.values())


def test_no_port_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StuckError):
        ports.locate(tmp_path / "ports.json", lambda port: False)


def test_two_folders_begin_to_look_in_different_places() -> None:
    begins = {next(ports.candidates(f"/home/user/{number}")) for number in range(50)}
    assert len(begins) > 25


@given(st.text())
def test_every_candidate_lies_below_the_range_of_outgoing_connections(seed: str) -> None:
    starts = list(ports.candidates(seed))
    assert len(starts) == len(set(starts)) > 300
    assert min(starts) >= ports.FIRST
    assert max(starts) + ports.BLOCK <= ports.LAST
    assert len(ports.NAMES) <= ports.BLOCK


def test_ports_of_an_older_version_are_chosen_anew(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text('{"aws": 1}')
    assert ports.locate(file, lambda port: True)["aws"] >= ports.FIRST


def test_a_listening_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ports.bindable(server.getsockname()[1])


def test_private_files_are_private_and_left_alone_when_equal(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret"
    assert write_private_if_changed(file, "one")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert not write_private_if_changed(file, b"one")
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_private(tmp_path / "folder", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_broken_json_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    assert read_json(tmp_path / "x.json") is None
    assert read_json(tmp_path / "none.json") is None


components = st.builds(
    Component,
    name=st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True),
    argv=st.lists(st.text(min_size=1), min_size=1).map(tuple),
    environment=st.dictionaries(st.text(min_size=1), st.text()),
    probe=st.none() | st.builds(Probe, port=st.integers(1, 65535), path=st.text(), tls=st.booleans()),
    needs=st.lists(st.text()).map(tuple),
    grace=st.floats(0, 100),
    revision=st.text(),
)


@given(components)
def test_a_component_survives_being_written(component: Component) -> None:
    again = Component.parse(component.dump())
    assert again == component
    assert again.fingerprint == component.fingerprint


@given(components, components)
def test_different_components_have_different_fingerprints(one: Component, other: Component) -> None:
    assert (one == other) == (one.fingerprint == other.fingerprint)


def test_desired_components_are_files(tmp_path: Path) -> None:
    desired = Desired(tmp_path / "desired")
    component = Component("etcd", ("etcd",))
    assert desired.all() == {}
    assert desired.want(component)
    stamp = desired.stamp()
    assert not desired.want(component)
    assert desired.stamp() == stamp
    assert desired.all() == {"etcd": component}
    (tmp_path / "desired" / "broken.json").write_text("{}")
    assert desired.all() == {"etcd": component}
    desired.forget("etcd")
    desired.forget("etcd")
    assert desired.get("etcd") is None


def test_records_are_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    records = ProcessRecords(
        Process(1, 2.5),
        (
            ProcessRecord("etcd", Process(3, 4.5), ready=True, port=5, restarts=0),
            ProcessRecord("api", None, ready=False, port=None, restarts=9),
        ),
    )
    records.write(file)
    assert ProcessRecords.read(file) == records
    file.write_text(json.dumps({"supervisor": {}}))
    assert ProcessRecords.read(file) is None


def test_a_site_is_read_as_saved_and_points_nowhere_else(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "with space")
    chosen = ports.locate(layout.ports, lambda port: True)
    site = Site(
        layout, chosen, {"helm": Path("/opt/a b/helm")}, tmp_path, "ap-northeast-2", tmp_path / "s", LOCAL
    )
    site.save()
    assert Site.load(layout.root) == site
    assert site.aws_environment["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{chosen['aws']}"
    assert site.search_path.startswith("/opt/a b:")
