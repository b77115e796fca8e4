from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from bootstrap.core.errors import PreflightError, ToolError
from bootstrap.local.aws import patches, server
from tests.local_credentials import LOCAL


def test_the_image_of_the_nodes_is_canonicals_for_both_processors() -> None:
    images = json.loads(Path(server.settings()["MOTO_AMIS_PATH"]).read_text(encoding="utf-8"))
    assert {image["owner_id"] for image in images} == {"099720109477"}
    assert {image["architecture"] for image in images} == {"x86_64", "arm64"}
    assert all("ubuntu-noble-24.04" in image["name"] for image in images)


def test_every_patch_is_applied() -> None:
    folder = Path(patches.__file__).parent
    assert sorted(patches.PATCHES) == sorted(
        file.stem for file in folder.glob("*.py") if file.stem != "__init__"
    )


def test_a_state_of_another_version_stops_it_before_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*server.settings(), "AWS_PROFILE"):
        monkeypatch.setenv(name, "")  # what it sets goes back when the test ends
    monkeypatch.setattr(patches, "apply", lambda: None)
    (tmp_path / server.STATE_FILE).write_bytes(b'{"moto": "1.0"}\n')
    with pytest.raises(ToolError, match=r"moto 1\.0"):
        server.serve(0, tmp_path, LOCAL)


def test_a_busy_port_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((server.ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PreflightError) as refused:
            server._listen(port, lambda *_: [])
    assert [problem.where for problem in refused.value.problems] == [f"port {port}"]
    capfd.readouterr()  # werkzeug's own words
