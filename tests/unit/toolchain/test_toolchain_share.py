"""Files copied out of Go modules are whole, writable, and mended."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bootstrap.local.toolchain import share
from bootstrap.local.toolchain.recipes import Copy


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A Go module's folder, read-only as Go leaves it."""
    folder = tmp_path / "module"
    (folder / "chart" / "templates").mkdir(parents=True)
    (folder / "chart" / "templates" / "a.yaml").write_text("a")
    (folder / "chart" / "Chart.yaml").write_text("name: c\n")
    (folder / "chart" / "Chart.lock").write_text("lock")
    (folder / "bundle.yaml").write_text("b")
    (folder / "verify.sh").write_text("#!/bin/sh\n")
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def test_a_folder_is_copied_without_what_is_left_out(module: Path, tmp_path: Path) -> None:
    share.copy(Copy("m", "s", "chart/*", "eso/chart", leave_out=("Chart.lock",)), module, tmp_path / "share")
    chart = tmp_path / "share" / "eso" / "chart"
    assert sorted(path.name for path in chart.iterdir()) == ["Chart.yaml", "templates"]
    modes = {path.name: path.stat().st_mode & 0o777 for path in chart.rglob("*")}
    assert modes == {"Chart.yaml": 0o644, "templates": 0o755, "a.yaml": 0o644}


def test_a_file_can_be_renamed(module: Path, tmp_path: Path) -> None:
    share.copy(Copy("m", "s", "bundle.yaml", "eso", rename="crds.yaml"), module, tmp_path / "share")
    assert (tmp_path / "share" / "eso" / "crds.yaml").read_text() == "b"


def test_a_script_can_be_run(module: Path, tmp_path: Path) -> None:
    share.copy(Copy("m", "s", "*.sh", "bin"), module, tmp_path / "share")
    assert (tmp_path / "share" / "bin" / "verify.sh").stat().st_mode & 0o777 == 0o755


def test_files_that_are_not_there_are_a_defect(module: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"s has no crds/\*"):
        share.copy(Copy("m", "s", "crds/*", "eso"), module, tmp_path / "share")


def test_the_chart_gets_the_released_version_and_no_dependency(tmp_path: Path) -> None:
    file = tmp_path / "Chart.yaml"
    file.write_text(
        "name: eso\nversion: '0.19.1'\nappVersion: v0.19.1\ndependencies: [{name: bitwarden-sdk-server}]\n"
    )
    share.stamp_chart(tmp_path, "v0.19.2")
    assert yaml.safe_load(file.read_text()) == {"name": "eso", "version": "0.19.2", "appVersion": "v0.19.2"}
