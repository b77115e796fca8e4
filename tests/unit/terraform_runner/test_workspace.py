from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.core.errors import ConfigError
from bootstrap.terraform.workspace import LOCK_FILE, OVERRIDE, VARIABLES, Content, prepare

CONTENT = Content("dev", None, {"project": "eco2"})
LOCAL = Content("dev", "provider {}", {"project": "eco2"})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "user's folder"
    (folder / "dev").mkdir(parents=True)
    (folder / "modules" / "net").mkdir(parents=True)
    (folder / "dev" / "main.tf").write_text("main")
    (folder / "dev" / LOCK_FILE).write_text("users lock")
    (folder / "dev" / "terraform.tfstate").write_text("never")
    (folder / "dev" / "terraform.tfstate.backup").write_text("never")
    (folder / "dev" / ".terraform").mkdir()
    (folder / "dev" / ".terraform" / "provider").write_text("users provider")
    (folder / "modules" / "net" / "net.tf").write_text("net")
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_whole_folder_is_copied_without_state(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    root = prepare(source, copy, CONTENT)
    assert root == copy / "dev"
    assert files(copy) == {"dev/main.tf", f"dev/{LOCK_FILE}", f"dev/{VARIABLES}", "modules/net/net.tf"}
    assert json.loads((root / VARIABLES).read_text()) == {"project": "eco2"}
    assert copy.stat().st_mode & 0o077 == 0


def test_what_the_user_removed_is_gone_and_what_makes_init_fast_stays(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    root = prepare(source, copy, LOCAL)
    (root / ".terraform").mkdir()
    (root / ".terraform" / "provider").write_text("ours")
    (root / "errored.tfstate").write_text("to be uploaded")
    (source / "modules" / "net" / "net.tf").unlink()
    (source / "modules" / "net").rmdir()
    (source / "dev" / "main.tf").rename(source / "dev" / "other.tf")
    prepare(source, copy, CONTENT)
    assert files(copy) == {
        "dev/other.tf",
        "dev/.terraform/provider",
        "dev/errored.tfstate",
        f"dev/{LOCK_FILE}",
        f"dev/{VARIABLES}",
    }
    assert (root / ".terraform" / "provider").read_text() == "ours"
    assert not (copy / "modules" / "net").exists()


def test_with_an_override_our_own_lock_file_is_kept(source: Path, tmp_path: Path) -> None:
    root = prepare(source, tmp_path / "copy", LOCAL)
    assert (root / OVERRIDE).read_text() == "provider {}"
    assert not (root / LOCK_FILE).exists()
    (root / LOCK_FILE).write_text("ours")
    prepare(source, tmp_path / "copy", LOCAL)
    assert (root / LOCK_FILE).read_text() == "ours"


def test_without_an_override_the_users_lock_file_counts(source: Path, tmp_path: Path) -> None:
    root = prepare(source, tmp_path / "copy", CONTENT)
    (root / LOCK_FILE).write_text("changed by init")
    prepare(source, tmp_path / "copy", CONTENT)
    assert (root / LOCK_FILE).read_text() == "users lock"
    (source / "dev" / LOCK_FILE).unlink()
    (root / LOCK_FILE).write_text("made by init")
    prepare(source, tmp_path / "copy", CONTENT)
    assert (root / LOCK_FILE).read_text() == "made by init"


def test_links_become_what_they_point_at(source: Path, tmp_path: Path) -> None:
    (source / "dev" / "shared.tf").symlink_to("../modules/net/net.tf")
    root = prepare(source, tmp_path / "copy", CONTENT)
    assert not (root / "shared.tf").is_symlink()
    assert (root / "shared.tf").read_text() == "net"
    prepare(source, tmp_path / "copy", CONTENT)
    assert (source / "modules" / "net" / "net.tf").read_text() == "net"


def test_a_read_only_source_a_dead_link_and_a_folder_above_us_do_no_harm(source: Path) -> None:
    (source / "dev" / ".#main.tf").symlink_to("me@host.1234")
    (source / "dev" / "run.sh").write_text("#!/bin/sh\n")
    (source / "dev" / "run.sh").chmod(0o555)
    (source / "modules").chmod(0o555)
    copy = source / ".bootstrap" / "environments" / "dev" / "terraform"
    for _ in range(2):
        root = prepare(source, copy, CONTENT)
    assert (root / "run.sh").stat().st_mode & 0o100
    assert (copy / "modules").stat().st_mode & 0o200
    assert not (root / ".#main.tf").exists()
    assert not (copy / ".bootstrap").exists()


def test_a_missing_stack_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Terraform root module 'prod'"):
        prepare(source, tmp_path / "copy", Content("prod", None, {}))
    assert not (tmp_path / "copy").exists()
