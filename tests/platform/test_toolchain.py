"""The toolchain with real Go, real pip and real processes. Builds what is missing (minutes, once)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.checks.model import dotted
from bootstrap.checks.tools import answer, parse_version
from bootstrap.core.errors import Interrupted
from bootstrap.local.toolchain import Toolchain, make, process
from bootstrap.local.toolchain.keys import module_version
from bootstrap.local.toolchain.locate import replacement
from bootstrap.local.toolchain.make import Workshop
from bootstrap.local.toolchain.recipes import RECIPES, Bundled, GoTool, TerraformWheel
from bootstrap.local.toolchain.work import Work

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]
Program = GoTool | TerraformWheel | Bundled
PROGRAMS = [recipe for recipe in RECIPES if isinstance(recipe, Program)]
WAIT = 30.0  # seconds, for what takes well under one


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    found = Toolchain.locate(ROOT)
    found.ensure(print, threading.Event())
    return found


@pytest.fixture
def fake(tmp_path: Path) -> Toolchain:
    """Two tiny Go programs and an empty cache with a space in its path."""
    folder = tmp_path / "module"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        (folder / name / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    (folder / "go.mod").write_text("module fake.example\n\ngo 1.24\n")
    (folder / "go.sum").write_text("")
    recipes = tuple(
        GoTool(name, str(folder), f"fake.example/{name}", "fake.example", (), megabytes=1, seconds=1)
        for name in ("one", "two")
    )
    return Toolchain(tmp_path / "a cache", recipes)


def test_the_toolchain_is_complete_and_nothing_is_made_again(toolchain: Toolchain) -> None:
    assert toolchain.missing() == ()
    said: list[str] = []
    Toolchain.locate(ROOT).ensure(said.append, threading.Event())
    assert said == []


@pytest.mark.parametrize("recipe", PROGRAMS, ids=lambda recipe: recipe.name)
def test_every_program_tells_its_version(toolchain: Toolchain, recipe: Program) -> None:
    said = answer([toolchain.path(recipe.name), *recipe.version_args])
    if recipe.name == "external-secrets":
        assert "ExternalSecrets" in said, "it has no version, but it must start"
        return
    version = parse_version(said)
    assert version is not None, said
    if recipe.name in toolchain.on_path:
        rule = replacement(recipe)
        assert rule is not None
        assert rule.versions.fits(version)
    elif isinstance(recipe, GoTool):
        assert dotted(version) == module_version(recipe.module, recipe.source).removeprefix("v")


def test_the_share_holds_what_others_rely_on(toolchain: Toolchain) -> None:
    share = toolchain.share
    assert "kind: CustomResourceDefinition" in (share / "external-secrets" / "crds.yaml").read_text()
    assert "argocd-application-controller" in (share / "argocd" / "install.yaml").read_text()
    assert len(list((share / "argocd" / "crds").glob("*.yaml"))) == 3
    assert list((share / "kwok" / "crds").glob("*stages.yaml"))
    chart = share / "external-secrets" / "chart"
    rendered = answer([toolchain.path("helm"), "template", "eso", str(chart), "--namespace", "x"])
    assert "kind: Deployment" in rendered
    assert "external-secrets:v0.19.2" in rendered


def test_two_builds_at_once_do_not_collide(fake: Toolchain) -> None:
    said: list[str] = []
    errors: list[BaseException] = []

    def ensure() -> None:
        try:
            fake.ensure(said.append, threading.Event())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert fake.missing() == ()
    made = [line for line in said if "made in" in line and not line.startswith("go:")]  # Go's wheel, too
    assert len(made) == 2, said
    assert answer(["sh", "-c", f"'{fake.path('one')}' 2>&1"]) == "hello\n"


def test_a_killed_build_resumes_with_what_was_finished(fake: Toolchain, tmp_path: Path) -> None:
    """kill -9 in the middle of part two: part one is kept, the lock is free, the leftover does no harm."""
    script = tmp_path / "build.py"
    script.write_text(
        "import threading, time\n"
        "from pathlib import Path\n"
        "from bootstrap.local.toolchain import Toolchain, make\n"
        "from bootstrap.local.toolchain.recipes import *\n"
        f"recipes = {fake.recipes!r}\n"
        "build = make._build\n"
        "def hang(folder, tool, shop):\n"
        "    if tool.name == 'two':\n"
        "        (folder / 'half').write_text('done')\n"
        "        print('hanging', flush=True)\n"
        "        time.sleep(600)\n"
        "    build(folder, tool, shop)\n"
        "make._build = hang\n"
        f"Toolchain(Path({str(fake.cache)!r}), recipes).ensure(lambda _: None, threading.Event())\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "hanging\n"
        builder.send_signal(signal.SIGKILL)
    assert fake.missing() == ("two",)
    assert list((fake.cache / "tools").glob(".two-*.unfinished/half"))

    said: list[str] = []
    fake.ensure(said.append, threading.Event())
    assert fake.missing() == ()
    assert not any("one" in line.split(":")[0] for line in said)
    assert not list((fake.cache / "tools").glob(".*"))


def test_cancelling_ends_the_whole_process_group(tmp_path: Path) -> None:
    cancel = threading.Event()
    log = tmp_path / "log"

    def cancel_when_started() -> None:
        deadline = time.monotonic() + WAIT
        while not re.fullmatch(r"\d+\n", log.read_text() if log.exists() else ""):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        cancel.set()

    threading.Thread(target=cancel_when_started).start()
    with pytest.raises(Interrupted):
        process.run(
            ["sh", "-c", "sleep 600 & echo $!; wait"],
            cwd=tmp_path,
            environment=os.environ,
            log=log,
            describe=lambda _: "compiling",
            work=Work(cancel=cancel),
        )
    assert ended(int(log.read_text())), "a grandchild must not outlive the build"


def ended(pid: int) -> bool:
    """Whether the process is gone, or dead and only waits for its parent to notice."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def wheel_terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Terraform out of the wheel, whatever is on PATH."""
    (recipe,) = (recipe for recipe in RECIPES if isinstance(recipe, TerraformWheel))
    shop = Workshop(Toolchain.locate(ROOT).cache)
    make.make(recipe, shop)
    yield make.product(recipe, shop)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    folder = tmp_path / "a stack"
    folder.mkdir()
    (folder / "main.tf").write_text(
        """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 3.39.0, < 7.0.0"
    }
  }
}
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
}
variable "seconds" {
  default = 0
}
data "aws_iam_policy_document" "this" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["*"]
  }
}
resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "sleep ${var.seconds}"
  }
}
output "policy" {
  value = data.aws_iam_policy_document.this.json
}
"""
    )
    return folder


@pytest.fixture
def environment(toolchain: Toolchain) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return clean | {"TF_CLI_CONFIG_FILE": str(toolchain.terraform_cli_config), "CHECKPOINT_DISABLE": "1"}


def test_the_wheels_terraform_behaves_as_the_program(
    wheel_terraform: Path, stack: Path, environment: dict[str, str]
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [wheel_terraform, *arguments],
            cwd=stack,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert json.loads(run("version", "-json").stdout)["terraform_version"].startswith("1.")
    init = run("init", "-input=false", "-no-color")
    assert init.returncode == 0, init.stderr
    assert (
        stack / ".terraform/providers/registry.terraform.io/hashicorp/aws/3.39.0/linux_amd64"
    ).is_symlink()
    assert run("plan", "-detailed-exitcode", "-input=false").returncode == 2
    applied = run("apply", "-auto-approve", "-input=false", "-json")
    assert applied.returncode == 0, applied.stdout
    said = [json.loads(line)["@message"] for line in applied.stdout.splitlines()]
    assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed." in said
    assert run("plan", "-detailed-exitcode", "-input=false").returncode == 0
    assert "s3:GetObject" in json.loads(run("output", "-json").stdout)["policy"]["value"]
    assert run("nonsense").returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_wheels_terraform_stops_cleanly_when_told(
    wheel_terraform: Path, stack: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    subprocess.run([wheel_terraform, "init", "-input=false"], cwd=stack, env=environment, check=True)
    argv = [str(wheel_terraform), "apply", "-auto-approve", "-input=false", "-json", "-var=seconds=60"]
    with subprocess.Popen(argv, cwd=stack, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line)["type"] == "provision_start":
                break
        running.send_signal(number)
        rest = running.stdout.read()
    assert running.returncode == 1
    assert "execution halted" in rest
    assert (stack / "terraform.tfstate").exists()
    assert not (stack / ".terraform.tfstate.lock.info").exists(), "the lock is released"
