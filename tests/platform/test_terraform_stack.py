"""The dev stack on the real Terraform, the real AWS provider and our local AWS: one story, told in order.

It is applied, found unchanged, survives restarts of AWS, machines that were stopped or died, and goes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.inventory import Found, Owner, Proof
from bootstrap.config.load import load
from bootstrap.core.clock import SystemClock
from bootstrap.core.wait import Observation, until
from bootstrap.local.aws import override
from bootstrap.local.aws.server import STATE_FILE
from bootstrap.local.toolchain import Toolchain
from bootstrap.local.toolchain.make import cli_config
from bootstrap.local.toolchain.provider import unpack_provider
from bootstrap.terraform.variables import variables
from tests.local_credentials import LOCAL

ROOT = Path(__file__).parents[2]
STATE = {"bucket": "state", "key": "local/terraform.tfstate"}
HIDDEN = "worker-ai"  # a node moved to a private subnet: a NAT gateway is part of the story
PATIENCE = 180.0  # seconds; on a busy machine everything takes its time
TAGS = {"bootstrap:project": "eco2", "bootstrap:environment": "local"}

pytestmark = pytest.mark.platform


@dataclass
class Aws:
    """Our server as a process on a free port; its state outlives it."""

    folder: Path
    region: str
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.port = self.port or free_port()
        credentials = self.folder / "credentials.json"
        LOCAL.save(credentials)
        command = [sys.executable, "-m", "bootstrap.local.aws", "--port", str(self.port)]
        command += ["--credentials", str(credentials)]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen([*command, "--state", str(self.folder)], stderr=log, cwd=self.folder)
        log.close()
        eventually("the local AWS", self._ready)

    def _ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/_bootstrap/ready", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def client(self, service: str) -> Any:
        return boto3.client(service, **override.client_settings(self.url, self.region, LOCAL))


@dataclass
class Stack:
    """A working copy of terraform/ with the override, as the product makes it."""

    folder: Path
    aws: Aws
    mirror: Path
    input: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        shutil.copytree(ROOT / "terraform", self.folder, ignore=shutil.ignore_patterns(".terraform*"))
        dev = self.folder / "dev"
        (dev / "bootstrap_override.tf").write_text(override.override(self.aws.url, LOCAL), encoding="utf-8")
        (dev / "bootstrap.auto.tfvars.json").write_text(json.dumps(self.input), encoding="utf-8")
        rc = self.folder / "terraform.rc"
        rc.write_text(cli_config(self.mirror), encoding="utf-8")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))},
            **override.environment(self.aws.url, self.aws.region, LOCAL),
            "TF_CLI_CONFIG_FILE": str(rc),
            "CHECKPOINT_DISABLE": "1",
        }
        settings = {**override.backend(), **STATE, "region": self.aws.region, "use_lockfile": "true"}
        self.done("init", *(f"-backend-config={name}={value}" for name, value in settings.items()))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = str(Toolchain.locate(ROOT).path("terraform"))
        return subprocess.run(
            [program, *arguments],
            cwd=self.folder / "dev",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *arguments: str) -> str:
        """What it says. It must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, given: Mapping[str, object]) -> str:
        """Why a plan with these variables is refused, as one line."""
        texts = {n: value if isinstance(value, str) else json.dumps(value) for n, value in given.items()}
        variables = (f"-var={name}={text}" for name, text in texts.items())
        done = self.run("plan", "-no-color", "-input=false", "-refresh=false", *variables)
        assert done.returncode == 1
        return " ".join(done.stderr.replace("│", " ").split())

    def changes(self) -> dict[str, list[str]]:
        """What a plan would do, by address."""
        self.done("plan", "-input=false", "-parallelism=30", "-out=plan")
        planned = json.loads(self.done("show", "-json", "plan"))["resource_changes"]
        found = {item["address"]: item["change"]["actions"] for item in planned}
        return {
            address: actions for address, actions in found.items() if actions not in (["no-op"], ["read"])
        }

    def audit(self) -> tuple[Found, ...]:
        owner = Owner(TAGS, "eco2-local", "/eco2/dev", self.input["domain"])
        return audit(lambda service: Api(self.aws.client(service)), owner)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        shown = json.loads(self.done("output", "-json"))
        return {name: output["value"] for name, output in shown.items()}

    def instance(self, node: str) -> Any:
        wanted = [self.outputs["instances"][node]["id"]]
        return self.aws.client("ec2").describe_instances(InstanceIds=wanted)["Reservations"][0]["Instances"][
            0
        ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(what: str, check: Any, deadline: float = PATIENCE) -> None:
    def probe() -> Observation[bool]:
        return Observation(check() or None)

    until(
        probe,
        what=what,
        deadline=deadline,
        clock=SystemClock(),
        cancel=threading.Event(),
        progress=lambda _: None,
        interval=0.05,
        longest=0.2,
    )


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("aws"), load(ROOT / "bootstrap.yaml", "local", values=False).region)
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def stack(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    given = variables(load(ROOT / "bootstrap.yaml", "local", values=False))
    nodes: Any = given["nodes"]
    nodes[HIDDEN]["subnet"] = "private"
    where = {"LocationConstraint": aws.region}
    aws.client("s3").create_bucket(Bucket=STATE["bucket"], CreateBucketConfiguration=where)
    mirror = tmp_path_factory.mktemp("mirror")
    unpack_provider(mirror)
    made = Stack(tmp_path_factory.mktemp("with a space") / "terraform", aws, mirror, given)
    made.prepare()
    return made


def test_every_endpoint_of_the_provider_is_overridden(stack: Stack) -> None:
    (schema,) = json.loads(stack.done("providers", "schema", "-json"))["provider_schemas"].values()
    endpoints = schema["provider"]["block"]["block_types"]["endpoints"]["block"]["attributes"]
    assert sorted(endpoints) == sorted(override.endpoint_keys())


BAD_VARIABLES: tuple[tuple[str, object, str], ...] = (
    ("vpc_cidr", "10.0.0.0/33", "IPv4 CIDR between /16 and /28"),
    ("public_subnets", ["10.0.0.0/24"], "three IPv4 CIDRs"),
    ("ssm_prefix", "/eco2/dev/", "no trailing slash"),
    ("region", "Seoul", "must look like"),
    ("domain", "Example", "lower-case DNS name"),
    ("zone_id", "example.com", "starts with Z"),
    ("kubernetes_version", "1.29", "at least 1.31"),
    ("expires_at", "tomorrow", "RFC 3339"),
    ("tags", {"bootstrap:project": "x"}, "reserved"),
    ("ssh_cidrs", ["0.0.0.0/0"], "not the whole internet"),
    ("nodes", {}, "Exactly one node"),
)
BAD_NODES: tuple[tuple[dict[str, object], str], ...] = (
    ({"role": "boss"}, "control-plane or worker"),
    ({"subnet": "secret"}, "public or private"),
    ({"volume_gb": 1}, "between 10 and 16384"),
    ({"labels": {"node-role.kubernetes.io/api": ""}}, "outside of kubernetes.io"),
    ({"taints": [{"key": "a", "effect": "Never"}]}, "must be NoSchedule"),
    ({"taints": [{"key": "a"}, {"key": "a", "effect": "NoExecute"}]}, "different keys"),
)


def test_bad_variables_are_refused_all_at_once_before_anything_is_made(stack: Stack) -> None:
    said = stack.refused({name: value for name, value, _ in BAD_VARIABLES})
    assert [name for name, _, why in BAD_VARIABLES if why not in said] == []


def test_bad_nodes_are_refused_all_at_once(stack: Stack) -> None:
    good = {"role": "worker", "instance_type": "t3.small", "volume_gb": 20}
    bad = {f"bad-{number}": {**good, **wrong} for number, (wrong, _) in enumerate(BAD_NODES)}
    said = stack.refused({"nodes": {**stack.input["nodes"], **bad}})
    assert [wrong for wrong, why in BAD_NODES if why not in said] == []
    assert "Exactly one node" not in said


def test_the_stack_is_applied_and_then_found_unchanged(stack: Stack) -> None:
    assert "Apply complete!" in stack.done("apply", "-auto-approve", "-parallelism=30")
    assert stack.changes() == {}


def test_all_that_lies_in_the_network_is_ours_by_tag_or_comes_along(stack: Stack) -> None:
    found = stack.audit()
    assert [each for each in found if each.proof is Proof.INSIDE] == []
    assert {"ec2 VPC", "ec2 NAT gateway", "ec2 instance", "iam role"} <= {
        each.resource.kind for each in found if each.proof is Proof.TAGS
    }


def test_the_outputs_are_those_promised(stack: Stack) -> None:
    outputs = stack.outputs
    assert outputs["cluster_name"] == "eco2-local"
    assert outputs["kubeconfig_parameter"] == "/eco2/dev/cluster/kubeconfig"
    assert set(outputs["iam_role_arns"]) == {"alb-controller", "ebs-csi", "external-dns", "external-secrets"}
    assert set(outputs["instances"]) == set(stack.input["nodes"])
    assert len(outputs["public_subnet_ids"]) == len(outputs["private_subnet_ids"]) == 3
    for machine in outputs["instances"].values():
        assert machine["provider_id"] == f"aws:///{machine['availability_zone']}/{machine['id']}"
    ids = ("vpc_id", "cluster_security_group_id", "alb_security_group_id", "certificate_arn", "kms_key_arn")
    assert all(outputs[name] for name in ids)


def test_facts_are_published(stack: Stack) -> None:
    pages = stack.aws.client("ssm").get_paginator("get_parameters_by_path")
    found = {
        parameter["Name"].removeprefix("/eco2/dev/"): (parameter["Value"], parameter["Type"])
        for page in pages.paginate(Path="/eco2/dev", Recursive=True)
        for parameter in page["Parameters"]
    }
    outputs = stack.outputs
    assert {kind for _, kind in found.values()} == {"String"}
    assert {name: value for name, (value, _) in found.items()} == {
        "network/vpc-id": outputs["vpc_id"],
        "network/public-subnets": ",".join(outputs["public_subnet_ids"]),
        "network/private-subnets": ",".join(outputs["private_subnet_ids"]),
        "network/cluster-sg-id": outputs["cluster_security_group_id"],
        "network/alb-sg-id": outputs["alb_security_group_id"],
        "acm/certificate-arn": outputs["certificate_arn"],
        "cluster/name": "eco2-local",
        "cluster/region": stack.aws.region,
        "dns/domain": outputs["domain"],
        **{f"iam/{name}-role-arn": arn for name, arn in outputs["iam_role_arns"].items()},
    }


def test_a_machine_says_by_its_tags_what_node_it_is(stack: Stack) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in stack.instance("api-auth")["Tags"]}
    node = stack.input["nodes"]["api-auth"]
    template = "k8s.io/cluster-autoscaler/node-template"
    taints = {taint["key"]: f"{taint['value']}:{taint['effect']}" for taint in node["taints"]}
    assert tags == {
        **TAGS,
        "Name": "eco2-local-api-auth",
        "bootstrap:node": "api-auth",
        "bootstrap:role": "worker",
        "bootstrap:ssm-prefix": "/eco2/dev",
        "bootstrap:kms-key": "alias/eco2-local",
        "kubernetes.io/cluster/eco2-local": "owned",
        **{f"{template}/label/{key}": value for key, value in node["labels"].items()},
        **{f"{template}/taint/{key}": value for key, value in taints.items()},
    }


def test_machines_are_closed_and_encrypted(stack: Stack) -> None:
    machine, outputs = stack.instance("api-auth"), stack.outputs
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert [group["GroupId"] for group in machine["SecurityGroups"]] == [outputs["cluster_security_group_id"]]
    disk = machine["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    (volume,) = stack.aws.client("ec2").describe_volumes(VolumeIds=[disk])["Volumes"]
    assert (volume["Encrypted"], volume["KmsKeyId"]) == (True, outputs["kms_key_arn"])
    assert TAGS.items() <= {tag["Key"]: tag["Value"] for tag in volume["Tags"]}.items()


def test_only_a_machine_in_a_private_subnet_has_no_public_address(stack: Stack) -> None:
    hidden = {name for name in stack.input["nodes"] if not stack.instance(name).get("PublicIpAddress")}
    assert hidden == {HIDDEN}


def test_no_secret_is_made_by_terraform(stack: Stack) -> None:
    body = stack.aws.client("s3").get_object(Bucket=STATE["bucket"], Key=STATE["key"])["Body"].read()
    kinds = {resource["type"] for resource in json.loads(body)["resources"]}
    assert not {kind for kind in kinds if kind.startswith(("random_", "tls_"))}
    assert b"PRIVATE KEY" not in body


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_aws_comes_back_as_it_was(stack: Stack, how: signal.Signals) -> None:
    aws, file = stack.aws, stack.aws.folder / STATE_FILE
    mark = f"/mark/{how.name}"
    aws.client("ssm").put_parameter(Name=mark, Value="x", Type="String")
    if how is signal.SIGKILL:  # only what it has written of itself is kept
        eventually("a dump", lambda: mark.encode() in file.read_bytes())
    assert aws.stop(how) == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    aws.start()
    assert aws.client("ssm").get_parameter(Name=mark)["Parameter"]["Value"] == "x"
    assert stack.changes() == {}


def test_whoever_waits_learns_that_a_machine_changed(stack: Stack) -> None:
    def version(after: int, timeout: int) -> int:
        url = f"{stack.aws.url}/_bootstrap/changes?after={after}&timeout={timeout}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
            return int(json.load(answer)["version"])

    before = version(0, 0)
    seen: list[int] = []
    waiter = threading.Thread(target=lambda: seen.append(version(before, 30)))
    waiter.start()
    machine = [stack.outputs["instances"]["api-my"]["id"]]
    stack.aws.client("ec2").stop_instances(InstanceIds=machine)
    waiter.join(60)
    assert seen[0] > before


def test_a_stopped_machine_is_not_replaced(stack: Stack) -> None:
    assert stack.instance("api-my")["State"]["Name"] == "stopped"
    assert stack.changes() == {}


def test_a_machine_that_died_is_made_again_and_nothing_else(stack: Stack) -> None:
    dead = [stack.outputs["instances"][name]["id"] for name in ("api-chat", "control-plane")]
    stack.aws.client("ec2").terminate_instances(InstanceIds=dead)
    assert stack.changes() == {
        'module.nodes.aws_instance.node["api-chat"]': ["create"],
        'module.nodes.aws_instance.node["control-plane"]': ["create"],
        "module.nodes.aws_eip_association.api[0]": ["create"],
    }


def test_everything_goes_also_after_machines_have_died(stack: Stack) -> None:
    assert "Destroy complete!" in stack.done("destroy", "-auto-approve", "-parallelism=30")
    assert stack.audit() == ()
