"""What is typed, and what is named as the way on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.commands import backup
from bootstrap.commands.options import BackupOptions, UpOptions
from bootstrap.recovery import manifest
from tests.aws_context import environment, world
from tests.unit.recovery.test_manifest import ABOUT


@pytest.mark.parametrize(
    ("options", "command"),
    [
        (UpOptions(), "bootstrap up"),
        (UpOptions(from_backup="latest"), "bootstrap up --from-backup latest"),
        (
            UpOptions(environment="dev", from_backup="1", gitops_only=True, other_region=True),
            "bootstrap up --environment dev --from-backup 1 --gitops-only --other-region",
        ),
    ],
)
def test_a_rebuild_goes_on_as_one(options: UpOptions, command: str) -> None:
    assert options.command("up") == command
    assert "--from-backup" not in options.command("down")


def test_a_list_tells_also_of_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = environment(tmp_path)
    for id_, text in ((ABOUT.id, manifest.encode(ABOUT)), ("20260102T000000Z", "{")):
        file = tmp_path / "dev" / id_ / manifest.NAME
        file.parent.mkdir(parents=True)
        file.write_text(text)
    target = world(config, backup_copy=tmp_path).context.target
    backup._list(BackupOptions(), config, target)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{ABOUT.id}  0.0 MiB, Kubernetes 1.37.2, commit cccccccccc, 1 seeds, etcd revision 100"
    assert "20260102T000000Z" in second
    assert "damaged" in second
    backup._list(BackupOptions(output="json"), config, target)
    listed = json.loads(capsys.readouterr().out)["backups"]
    assert listed[0]["id"] == ABOUT.id
    assert "damaged" in listed[1]
