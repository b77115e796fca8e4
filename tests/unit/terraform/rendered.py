"""The user data of machines, rendered by Terraform itself: the module needs no provider and no cloud."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.local.toolchain import Toolchain

ROOT = Path(__file__).parents[3]
STACK = ROOT / "terraform"

MAIN = """
variable "machines" {}
module "user_data" {
  source             = "./user-data"
  for_each           = var.machines
  cluster_name       = "eco2-dev"
  node_name          = each.key
  role               = each.value.role
  region             = "ap-northeast-2"
  ssm_prefix         = "/eco2/dev"
  kms_key_alias      = "alias/eco2-dev"
  api_address        = each.value.api_address
  kubernetes_version = "1.37"
  calico_version     = "v3.32.1"
  pod_cidr           = "192.168.0.0/16"
  service_cidr       = "10.96.0.0/12"
  labels             = { domain = "auth", tier = "api" }
  taints             = [{ key = "domain", value = "auth", effect = "NoSchedule" }]
}
output "text" { value = { for name, data in module.user_data : name => data.text } }
"""

MACHINES = {
    "control-plane": {"role": "control-plane", "api_address": "203.0.113.9"},
    "hidden": {"role": "control-plane", "api_address": None},
    "api-auth": {"role": "worker", "api_address": ""},
}


def terraform() -> str:
    """The one that the product would take; without any the test is skipped."""
    program = Toolchain.locate(ROOT).path("terraform")
    if not program.exists():
        pytest.skip("neither on PATH nor built yet: terraform")
    return str(program)


@dataclass(frozen=True)
class UserData:
    text: str

    @property
    def config(self) -> Any:
        return yaml.safe_load(self.text)

    @property
    def files(self) -> dict[str, str]:
        return {item["path"]: item["content"] for item in self.config["write_files"]}

    @property
    def modes(self) -> dict[str, str]:
        return {item["path"]: item["permissions"] for item in self.config["write_files"]}

    @property
    def kubeadm(self) -> dict[str, Any]:
        """kubeadm's documents by kind; holes filled in on the machine still stand in them."""
        documents = yaml.safe_load_all(self.files["/etc/bootstrap/kubeadm.yaml"])
        return {document["kind"]: document for document in documents}


def render(folder: Path, machines: Mapping[str, Any] = MACHINES, main: str = MAIN) -> dict[str, UserData]:
    shutil.copytree(STACK / "modules" / "user-data", folder / "user-data")
    (folder / "main.tf").write_text(main, encoding="utf-8")
    (folder / "terraform.tfvars.json").write_text(json.dumps({"machines": machines}), encoding="utf-8")
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    for command in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false", "-no-color"]):
        subprocess.run([terraform(), *command], cwd=folder, env=environment, check=True, capture_output=True)
    state = json.loads((folder / "terraform.tfstate").read_text(encoding="utf-8"))
    return {name: UserData(text) for name, text in state["outputs"]["text"]["value"].items()}
