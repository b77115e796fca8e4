"""What can be said of the stack without any provider."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.terraform.rendered import STACK, terraform

FILES = sorted(path for path in STACK.rglob("*.tf") if ".terraform" not in path.parts)
MODULES = sorted({path.parent for path in FILES})
VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r'^output "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
CANONICAL = "099720109477"


def text(module: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(module.glob("*.tf")))


def test_it_is_formatted() -> None:
    done = subprocess.run(
        [terraform(), "fmt", "-check", "-diff", "-recursive", str(STACK)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_variable_and_output_says_what_it_is(module: Path) -> None:
    found = VARIABLE.findall(text(module)) + OUTPUT.findall(text(module))
    assert found
    assert [name for name, body in found if "description" not in body] == []
    assert [name for name, body in VARIABLE.findall(text(module)) if "type" not in body] == []


def test_every_variable_of_the_stack_that_can_be_wrong_is_checked() -> None:
    unchecked = {name for name, body in VARIABLE.findall(text(STACK / "dev")) if "validation {" not in body}
    assert unchecked == {"enable_dns_hostnames"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(STACK)))
def test_no_account_and_no_region_is_written_down(path: Path) -> None:
    code = re.sub(r'error_message = ".*"', "", path.read_text(encoding="utf-8"))
    assert set(re.findall(r"\b\d{12}\b", code)) <= {CANONICAL}
    assert not re.search(r'"[a-z]{2}-[a-z]+-\d"', code)


def test_the_provider_constraint_is_the_same_everywhere() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    found = {line for text in texts for line in re.findall(r'^ +version += "(.*)"', text, re.MULTILINE)}
    assert found == {">= 3.39.0, < 7.0.0"}


def test_machines_are_closed_and_encrypted() -> None:
    nodes = text(STACK / "modules" / "nodes")
    assert re.search(r'http_tokens\s+= "required"', nodes)
    assert re.search(r"encrypted\s+= true", nodes)


def test_what_is_published_for_the_cluster_has_the_names_it_reads() -> None:
    stack = text(STACK / "dev")
    names = set(re.findall(r'^ +"([a-z]+/[a-z-]+)" ', stack, re.MULTILINE))
    assert names == {
        "network/vpc-id",
        "network/public-subnets",
        "network/private-subnets",
        "network/cluster-sg-id",
        "network/alb-sg-id",
        "acm/certificate-arn",
        "cluster/name",
        "cluster/region",
        "dns/domain",
    }
    assert '"iam/${name}-role-arn"' in stack


STATEMENT = re.compile(r"^  statement \{.*?^  \}", re.MULTILINE | re.DOTALL)
BOUND = ('"kms:EncryptionContext:PARAMETER_ARN"', '"kms:ViaService"')
ADMINISTRATORS = ("kubeconfig", "restore-source")  # parameters that open the whole cluster


def test_nobody_uses_the_key_without_saying_for_what() -> None:
    """It guards the administrator's kubeconfig: who may just decrypt with it is the administrator."""
    statements = [each for each in STATEMENT.findall(text(STACK / "modules" / "iam")) if '"kms:' in each]
    assert len(statements) >= 5
    assert [each for each in statements if not any(bound in each for bound in BOUND)] == []


def test_no_controller_may_decrypt_what_opens_the_cluster() -> None:
    controllers = (STACK / "modules" / "iam" / "controllers.tf").read_text(encoding="utf-8")
    (denied,) = [each for each in STATEMENT.findall(controllers) if '"Deny"' in each]
    assert all(f'"{name}"' in denied for name in ADMINISTRATORS)
    machines = (STACK / "modules" / "iam" / "machines.tf").read_text(encoding="utf-8")
    worker = machines[machines.index('"worker" {') : machines.index('resource "aws_iam_role"')]
    assert not any(name in worker for name in ADMINISTRATORS)
