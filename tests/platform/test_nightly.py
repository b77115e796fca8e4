"""What is said to be ready to use: the API server takes the CronJobs, Terraform the role of the workflows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api_server import TOOLCHAIN, Server

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]


def test_the_api_server_takes_the_cron_jobs_word_for_word(tmp_path: Path) -> None:
    built = subprocess.run(
        [TOOLCHAIN.path("kustomize"), "build", ROOT / ".github" / "examples" / "cronjob"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "image: registry.example.com/platform/bootstrap:1.0.0" in built
    with Server(tmp_path, "--disable-admission-plugins=ServiceAccount") as server:
        kubectl = [
            str(TOOLCHAIN.path("kubectl")),
            f"--server=https://127.0.0.1:{server.port}",
            "--insecure-skip-tls-verify",
            "--token=admin",
        ]
        subprocess.run([*kubectl, "create", "namespace", "bootstrap-nights"], check=True, capture_output=True)
        told = subprocess.run(
            [*kubectl, "apply", "--dry-run=server", "--validate=strict", "-f", "-"],
            input=built,
            check=False,
            capture_output=True,
            text=True,
        )
    assert told.returncode == 0, told.stderr
    lines = {line.split()[0] for line in told.stdout.splitlines()}
    assert {"cronjob.batch/drill", "cronjob.batch/reap", "serviceaccount/nights"} <= lines


def test_terraform_takes_the_role(tmp_path: Path) -> None:
    module = tmp_path / "ci-role"
    shutil.copytree(ROOT / "terraform" / "modules" / "ci-role", module)
    environ = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": str(TOOLCHAIN.terraform_cli_config),
        "CHECKPOINT_DISABLE": "1",
    }
    for words in (("fmt", "-check"), ("init", "-backend=false", "-input=false"), ("validate", "-no-color")):
        done = subprocess.run(
            [TOOLCHAIN.path("terraform"), *words],
            cwd=module,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words[0]}: {done.stdout}{done.stderr}"
