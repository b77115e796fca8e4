from __future__ import annotations

import json
from pathlib import Path

from bootstrap.config.model import Node, Taint, TerraformConfig
from bootstrap.terraform.environment import terraform_environment
from bootstrap.terraform.variables import variables
from tests.aws_context import environment


def test_what_would_change_our_commands_is_dropped() -> None:
    user = {
        "PATH": "/bin",
        "TF_CLI_ARGS": "-destroy",
        "TF_CLI_ARGS_plan": "-destroy",
        "TF_WORKSPACE": "other",
        "TF_DATA_DIR": "elsewhere",
        "TF_VAR_extra": "kept",
        "TF_CLI_CONFIG_FILE": "/nowhere",
    }
    made = terraform_environment(user, {}, None, exists=lambda _: False)
    assert made == {
        "PATH": "/bin",
        "TF_VAR_extra": "kept",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def test_a_cli_configuration_that_exists_is_the_users() -> None:
    user = {"TF_CLI_CONFIG_FILE": "/home/me/.terraformrc"}
    made = terraform_environment(user, {}, None, exists=lambda _: True)
    assert made["TF_CLI_CONFIG_FILE"] == "/home/me/.terraformrc"


def test_the_target_has_the_last_word() -> None:
    user = {"AWS_PROFILE": "mine", "TF_CLI_CONFIG_FILE": "/x"}
    assert terraform_environment(user, {}, "theirs")["AWS_PROFILE"] == "theirs"
    made = terraform_environment(user, {"TF_CLI_CONFIG_FILE": "/local", "AWS_PROFILE": ""}, "theirs")
    assert made["TF_CLI_CONFIG_FILE"] == "/local"
    assert made["AWS_PROFILE"] == ""


def test_the_configuration_as_variables(tmp_path: Path) -> None:
    node = Node("db", "worker", "t3.large", 80, {"tier": "data"}, (Taint("domain", "db"),), "private")
    terraform = TerraformConfig(
        tmp_path, variables={"region": "overruled", "expires_at": "2026-01-01T00:00:00Z"}
    )
    made = variables(environment(tmp_path, nodes=(node,), terraform=terraform))
    assert json.loads(json.dumps(made)) == made
    assert made["nodes"] == {
        "db": {
            "role": "worker",
            "instance_type": "t3.large",
            "volume_gb": 80,
            "subnet": "private",
            "labels": {"tier": "data"},
            "taints": [{"key": "domain", "value": "db", "effect": "NoSchedule"}],
        }
    }
    assert made["region"] == "overruled"
    assert made["expires_at"] == "2026-01-01T00:00:00Z"
    assert made["zone_id"] is None
