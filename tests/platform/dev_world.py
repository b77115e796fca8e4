"""The dev stack on the real Terraform and provider, with a faulty edge between them and the local AWS."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from bootstrap.aws.api import Api
from bootstrap.aws.inventory import inventory, owner
from bootstrap.config.load import load
from bootstrap.config.model import Environment, TerraformConfig
from bootstrap.core.clock import SystemClock
from bootstrap.local.aws import override
from bootstrap.local.toolchain import Toolchain
from bootstrap.run.step import Done
from bootstrap.run.target import TerraformSettings
from bootstrap.steps import backend, lock, terraform
from bootstrap.terraform.stack import notes
from bootstrap.terraform.survivor import survivor
from tests.aws_context import World, world
from tests.aws_edge import Edge
from tests.local_credentials import LOCAL

ROOT = Path(__file__).parents[2]
NODES = ("control-plane", "api-auth", "worker-ai")
PATIENCE = 180.0  # seconds for the local AWS to come and to go; on a busy machine it takes its time


@contextmanager
def local_aws(folder: Path) -> Iterator[str]:
    """Our AWS as a process of its own; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    credentials = folder / "credentials.json"
    LOCAL.save(credentials)
    command = [sys.executable, "-m", "bootstrap.local.aws", "--port", str(port), "--state", str(folder)]
    command += ["--credentials", str(credentials)]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, cwd=folder)
    try:
        for _ in range(int(PATIENCE / 0.1)):
            assert process.poll() is None, (folder / "log").read_text()
            with suppress(OSError), urllib.request.urlopen(f"{url}/_bootstrap/ready", timeout=5):  # noqa: S310
                break
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def environment(home: Path, name: str, **changes: Any) -> Environment:
    """The repository's own stack, with few machines."""
    config = load(ROOT / "bootstrap.yaml", "local", values=False)
    nodes = tuple(node for node in config.nodes if node.name in NODES)
    return replace(
        config,
        name=name,
        home=home,
        ssm_prefix=f"/eco2/{name}",
        nodes=nodes,
        domain=f"{name}.example.com",
        **{"seeds": (), **changes},
    )


@dataclass
class Dev:
    """One environment. Every run gets a context of its own, as a new process would."""

    config: Environment
    aws: Edge
    world: World

    def run(self, *steps: Any, **changes: Any) -> list[Done]:
        """Run these steps after the backend, under the run lock."""
        self.world = make_world(self.config, self.aws)
        context = replace(self.world.context, **changes)
        done = []
        with context.closing:
            for step in (backend, lock, *steps):
                result: Done = step.run(replace(context, step=step.__name__.rpartition(".")[2]))
                done.append(result)
                if result.result:
                    context.results.put(result.result)
        return done

    def up(self, **changes: Any) -> bool:
        """Terraform's part of `up`; whether it changed anything."""
        return self.run(terraform, **changes)[-1].changed

    def client(self, service: str) -> Any:
        return self.world.context.target.client(service)

    def kill(self) -> None:
        """kill -9 of Terraform and its provider, as if the machine had died."""
        pid = survivor(notes(self.config))
        assert pid
        os.killpg(pid, signal.SIGKILL)

    def inventory(self) -> Counter[str]:
        """How many of each kind there are."""
        found = inventory(lambda service: Api(self.client(service)), owner(self.config))
        return Counter(resource.kind for resource in found)


SMALL = """
terraform {
  required_providers { aws = { source = "hashicorp/aws", version = ">= 3.39.0, < 7.0.0" } }
  backend "s3" {}
}
provider "aws" {
  region = var.region
  default_tags { tags = { "bootstrap:project" = var.project, "bootstrap:environment" = var.environment } }
}
variable "project" {}
variable "environment" {}
variable "region" {}
variable "ssm_prefix" {}
resource "aws_kms_key" "main" { description = "small" }
resource "aws_ssm_parameter" "fact" {
  name       = "${var.ssm_prefix}/network/vpc-id"
  type       = "String"
  value      = "vpc-1"
  depends_on = [aws_kms_key.main]
}
output "kms_key_arn" { value = aws_kms_key.main.arn }
"""


def small(home: Path, name: str, aws: Edge, more: str = "", **changes: Any) -> Dev:
    """An environment whose stack is made in no time: a key, then a parameter, then what `more` says."""
    folder = home / "terraform"
    (folder / "dev").mkdir(parents=True)
    (folder / "dev" / "main.tf").write_text(SMALL + more)
    return dev(home, name, aws, terraform=TerraformConfig(folder), **changes)


def make_world(config: Environment, aws: Edge) -> World:
    toolchain = Toolchain.locate(ROOT)

    def client(service: str) -> Any:
        return boto3.client(service, **override.client_settings(aws.url, config.region, LOCAL))

    return world(
        config,
        terraform=toolchain.path("terraform"),
        clock=SystemClock(),
        client=client,
        settings=TerraformSettings(
            environment={
                **override.environment(aws.url, config.region, LOCAL),
                "TF_CLI_CONFIG_FILE": str(toolchain.terraform_cli_config),
            },
            override=override.override(aws.url, LOCAL),
            backend=override.backend(),
            keep_state_bucket=False,
        ),
    )


def dev(home: Path, name: str, aws: Edge, **changes: Any) -> Dev:
    config = environment(home, name, **changes)
    return Dev(config, aws, make_world(config, aws))
