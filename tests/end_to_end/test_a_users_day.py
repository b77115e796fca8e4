"""Up, up again, look around, lose parts, go down: on real Terraform, API server, Argo CD and ESO.

The tests of this file run in order on one platform; each asserts on the world (kubectl, moto, the process
table), not on what the product says of itself, wherever there is a witness.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from bootstrap.config.load import load
from bootstrap.local.toolchain import Toolchain
from tests import other_user, strangers
from tests.aws_context import client
from tests.canaries import SHORTEST, Allowed, Canaries, CommandLines, leaks
from tests.end_to_end.conftest import CANARY, FILE_CANARY, KEY_CANARY
from tests.end_to_end.product import CommandResult, Product, processes
from tests.kills import cloud
from tests.kills.attempt import witnessed_down

pytestmark = pytest.mark.platform

WAVES = [0, 2, 3, 5, 6, 10, 11, 15, 16, 20, 21, 25, 35, 60, 70]
WAVE = "argocd.argoproj.io/sync-wave"
NOBODY = 65534
APIS = ["auth", "my", "scan", "character", "location", "info", "chat"]


class Cluster:
    """The cluster through kubectl: a witness of its own."""

    def __init__(self, kubectl: Path, kubeconfig: Path) -> None:
        self._command = [str(kubectl), "--kubeconfig", str(kubeconfig), "--request-timeout=20s"]

    def get(self, *what: str) -> list[dict[str, Any]]:
        told = subprocess.run(
            [*self._command, "get", *what, "-o", "json"], check=True, capture_output=True, text=True
        )
        items: list[dict[str, Any]] = json.loads(told.stdout)["items"]
        return items


@pytest.fixture(scope="module")
def cluster(toolchain: Toolchain, product: Product) -> Cluster:
    return Cluster(toolchain.path("kubectl"), product.state / "kubeconfig")


@pytest.fixture(scope="module")
def watched() -> CommandLines:
    """Every process's command line while `up` runs."""
    return CommandLines(Canaries({"given": CANARY, "filed": FILE_CANARY, "aws key": KEY_CANARY}), every=0.2)


@pytest.fixture(scope="module")
def first(product: Product, watched: CommandLines) -> CommandResult:
    """`up` from nothing."""
    with watched:
        return product.run("up")


def test_up_from_nothing_succeeds_and_says_what_it_did(first: CommandResult) -> None:
    assert first.code == 0, first.words[-4000:]
    planned = first.of("waves_planned")[-1]["waves"]
    assert [wave for wave, _ in planned] == WAVES
    assert [event["wave"] for event in first.of("wave_finished")] == WAVES
    assert any(
        "rehearsed" in event["message"] or "uncommitted" in event["message"] for event in first.of("notice")
    )
    assert {event["origin"] for event in first.of("source_served")} <= {"upstream", "cache", "stand-in"}
    assert len(first.of("source_served")) >= 10


def test_every_application_is_synced_and_healthy(first: CommandResult, cluster: Cluster) -> None:
    apps = cluster.get("applications", "-n", "argocd")
    assert len(apps) >= 1 + len(WAVES) - 1 + len(APIS)  # the root, one a wave (60 is a set), its seven
    state = {
        app["metadata"]["name"]: (app["status"]["sync"]["status"], app["status"]["health"]["status"])
        for app in apps
    }
    assert set(state.values()) == {("Synced", "Healthy")}, state


def test_waves_came_in_order_by_the_clusters_own_timestamps(first: CommandResult, cluster: Cluster) -> None:
    """No app of wave n+1 was created before every app of wave n had become Healthy for the first time."""
    healthy: dict[str, str] = {}
    for event in sorted(
        cluster.get("events", "-n", "argocd"), key=lambda event: str(event["firstTimestamp"])
    ):
        if str(event["message"]).endswith("-> Healthy"):
            healthy.setdefault(event["involvedObject"]["uid"], event["firstTimestamp"])
    created: dict[int, list[str]] = {}
    settled: dict[int, list[str]] = {}
    for app in cluster.get("applications", "-n", "argocd"):
        meta = app["metadata"]
        wave = 60 if meta["name"].startswith("dev-api-") else meta.get("annotations", {}).get(WAVE)
        if wave is not None:  # the root has none
            created.setdefault(int(wave), []).append(meta["creationTimestamp"])
            settled.setdefault(int(wave), []).append(healthy[meta["uid"]])
    assert sorted(created) == WAVES
    for earlier, later in pairwise(WAVES):
        assert max(settled[earlier]) <= min(created[later]), (earlier, later)


def test_nodes_carry_labels_taints_and_provider_id(first: CommandResult, cluster: Cluster) -> None:
    nodes = cluster.get("nodes")
    assert len(nodes) == 14
    for node in nodes:
        labels = node["metadata"]["labels"]
        assert {"workload", "domain", "tier", "phase", "role"} <= labels.keys(), node["metadata"]["name"]
        assert re.fullmatch(r"aws:///ap-northeast-2[a-d]/i-[0-9a-f]+", node["spec"]["providerID"])
        ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
        assert ready["status"] == "True"
    tainted = {
        taint["value"]
        for node in nodes
        for taint in node["spec"].get("taints", [])
        if taint["key"] == "domain"
    }
    assert set(APIS) <= tainted


def test_secrets_reached_the_cluster(first: CommandResult, cluster: Cluster) -> None:
    externals = cluster.get("externalsecrets", "-A")
    assert externals
    for external in externals:
        ready = next(c for c in external["status"]["conditions"] if c["type"] == "Ready")
        assert ready["status"] == "True", external["metadata"]["name"]
    secrets = {(s["metadata"]["namespace"], s["metadata"]["name"]): s for s in cluster.get("secrets", "-A")}
    assert secrets["auth", "postgres-auth-secret"]["data"]["POSTGRES_PASSWORD"]


def test_every_ingress_has_an_address(first: CommandResult, cluster: Cluster) -> None:
    ingresses = cluster.get("ingresses", "-A")
    assert ingresses
    for ingress in ingresses:
        assert ingress["status"]["loadBalancer"]["ingress"][0]["hostname"], ingress["metadata"]["name"]


def test_kubeconfig_is_private_and_the_users_own_is_untouched(first: CommandResult, product: Product) -> None:
    assert (product.state / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert Path(product.environ["KUBECONFIG"]).read_text() == "not to be touched\n"


def test_the_run_folder_holds_events_and_reports(first: CommandResult, product: Product) -> None:
    events = [json.loads(line) for line in (product.latest / "events.jsonl").read_text().splitlines()]
    assert events[0]["type"] == "run_started"
    assert events[-1]["type"] == "run_finished"
    report = json.loads((product.latest / "report.json").read_text())
    assert report["outcome"] == "succeeded"
    assert (
        "<svg" in (product.latest / "report.html").read_text()
        or "<html" in (product.latest / "report.html").read_text()
    )


# Where secrets belong, below .bootstrap; everything else is searched.
BELONGS = (
    Allowed("environments/*/kubeconfig", "the way into the cluster", private=True),
    Allowed("environments/local/local/aws/*", "the memory of the simulated AWS"),
    Allowed(
        "environments/local/local/control-plane/*", "the disk of the simulated control plane: etcd, keys"
    ),
    Allowed(
        "environments/local/local/run/*/*", "working folders of the cluster's own programs", private=True
    ),
    Allowed("environments/local/local/desired/*", "what kubelets run, environment included", private=True),
    Allowed("environments/local/local/workloads/*", "files that kubelets mount for programs", private=True),
)


def _secrets(product: Product, cluster: Cluster) -> Canaries:
    """What was planted, every value a seed has or had in SSM, and what the cluster keeps secret."""
    values = {"given": CANARY, "filed": FILE_CANARY, "aws key": KEY_CANARY}
    ssm = _client(product, "ssm")
    config = load(product.clone / "bootstrap.yaml", "local", values=False)
    for seed in config.seeds:
        if seed.from_output or (seed.template and "{seed:" not in seed.template):
            continue  # a fact, such as a URL
        name = f"{config.ssm_prefix}/{seed.name}"
        for version in ssm.get_parameter_history(Name=name, WithDecryption=True)["Parameters"]:
            values[f"{seed.name}:{version['Version']}"] = version["Value"]
    (user,) = yaml.safe_load((product.state / "kubeconfig").read_text())["users"]
    for key in ("client-key-data", "token"):
        if key in user["user"]:
            values[f"kubeconfig {key}"] = user["user"][key]
    for secret in cluster.get("secrets", "-n", "argocd"):
        for key, value in (secret.get("data") or {}).items():
            if key in ("admin.password", "server.secretkey", "auth", "password"):
                values[f"{secret['metadata']['name']} {key}"] = base64.b64decode(value).decode()
    return Canaries({name: value for name, value in values.items() if len(value) >= SHORTEST})


def test_no_secret_in_anything_the_run_wrote(
    first: CommandResult, product: Product, cluster: Cluster
) -> None:
    """Planted, generated and made ones: in no log, report, plan, Terraform file or printed line."""
    secrets = _secrets(product, cluster)
    assert any(name.startswith("kubeconfig ") for name in secrets.values)
    assert len(secrets.values) > 20
    assert secrets.seen_in((json.dumps(first.lines) + first.words).encode()) == []
    assert leaks(product.clone / ".bootstrap", secrets, BELONGS) == []
    cache = Path(product.environ["BOOTSTRAP_CACHE"])
    assert leaks(cache, secrets, [Allowed("tools/*", "programs, built before")]) == []
    watched = CommandLines(secrets)
    watched.look()
    assert watched.leaks == set()


def test_no_planted_secret_stood_in_a_command_line_during_up(
    first: CommandResult, watched: CommandLines
) -> None:
    assert watched.looks > 10
    assert watched.leaks == set()


def test_no_program_inherited_a_planted_secret_during_up(first: CommandResult, watched: CommandLines) -> None:
    assert {one for one in watched.inherited if one.endswith((": given", ": filed"))} == set()


def test_no_secret_in_terraforms_state(first: CommandResult, product: Product, cluster: Cluster) -> None:
    """In S3, where it lies; in every version of every object but snapshots of etcd, which is the cluster."""
    secrets, s3 = _secrets(product, cluster), _client(product, "s3")
    found = []
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", []):
            if "etcd" in item["Key"]:
                continue
            place = {"Bucket": bucket["Name"], "Key": item["Key"], "VersionId": item["VersionId"]}
            found += [
                f"{item['Key']}: {name}" for name in secrets.seen_in(s3.get_object(**place)["Body"].read())
            ]
    assert found == []


def test_a_rotated_secret_reaches_the_cluster(
    first: CommandResult, product: Product, cluster: Cluster
) -> None:
    """By SSM's version and the Secret's content; every other Secret keeps what it has."""
    name = "/eco2/dev/database/auth/postgres-password"
    before, held = (
        _contents(cluster),
        _client(product, "ssm").get_parameter(Name=name)["Parameter"]["Version"],
    )
    assert product.run("rotate", "database/auth/postgres-password").code == 2  # nobody said yes
    told = product.run("rotate", "database/auth/postgres-password", "--yes")
    assert told.code == 0, told.words[-4000:]
    now = _client(product, "ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert now["Version"] == held + 1
    after = _contents(cluster)
    assert after["auth", "postgres-auth-secret"]["POSTGRES_PASSWORD"] == now["Value"]
    assert before["auth", "postgres-auth-secret"]["POSTGRES_PASSWORD"] != now["Value"]
    changed = {
        after[key][entry] for key in after for entry in after[key] if after[key][entry] != before[key][entry]
    }
    assert changed == {now["Value"]}
    assert now["Value"] not in json.dumps(told.lines) + told.words


def _contents(cluster: Cluster) -> dict[tuple[str, str], dict[str, str]]:
    """What External Secrets has made: Secrets by namespace and name, decoded."""
    return {
        (secret["metadata"]["namespace"], secret["metadata"]["name"]): {
            key: base64.b64decode(value).decode() for key, value in secret["data"].items()
        }
        for secret in cluster.get("secrets", "-A")
        if (secret["metadata"].get("labels") or {}).get("reconcile.external-secrets.io/managed")
    }


def test_up_again_changes_nothing(first: CommandResult, product: Product) -> None:
    before = _inventory(product)
    again = product.run("up")
    assert again.code == 0, again.words[-4000:]
    assert again.of("resource_changed") == ()
    changed = {event["step"] for event in again.of("step_finished") if not event["satisfied"]}
    assert changed <= {"preflight", "waves", "verify"}, changed
    assert _inventory(product) == before


def test_status_tells_waves_and_apps(first: CommandResult, product: Product) -> None:
    told = product.run("status")
    assert told.code == 0, told.words
    status = told.lines[-1]
    assert status["healthy"]
    assert {app["wave"] for app in status["apps"]} >= set(WAVES) - {60}
    assert len(status["nodes"]) == 14


def test_plan_has_nothing_to_do(first: CommandResult, product: Product) -> None:
    told = product.run("plan")
    assert told.code == 0, told.words
    plan = told.lines[-1]
    assert plan["resources"] == []
    assert {seed["action"] for seed in plan["seeds"]} == {"keep"}
    assert CANARY not in json.dumps(plan)


def test_another_user_of_the_machine_gets_nothing(first: CommandResult, product: Product) -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if os.geteuid() != 0 or python is None:
        pytest.skip("only root can become another user, and it needs a Python that all may run")
    local = product.state / "local"
    ports = (local / "ports.json").read_text()
    config = load(product.clone / "bootstrap.yaml", "local", values=False)
    done = subprocess.run(
        [python, "-", str(local), ports, config.gitops.repo_url],
        input=Path(other_user.__file__).read_text(),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    told: dict[str, str] = json.loads(done.stdout)
    assert told["files"] == ""
    refused = {
        **dict.fromkeys(("parameters", "instances", "moto", "secrets"), "403"),
        **dict.fromkeys(("git", "git through a tunnel", "the internet"), "407"),
        "redis": "-NOAUTH",
    }
    assert {name: told[name].split()[0] for name in refused} == refused
    open_to_all = {name for name, answer in told.items() if answer.startswith("200")}
    assert all(name.startswith("metrics of ") for name in open_to_all), "TLS without a certificate, too"
    assert not any(canary in done.stdout for canary in (CANARY, FILE_CANARY, KEY_CANARY))


def test_nothing_listens_to_other_machines(first: CommandResult, product: Product) -> None:
    listening = [
        (process.pid, connection.laddr)
        for process in processes(product)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) > 20
    assert {address.ip for _, address in listening} <= {"127.0.0.1", "::1"}, listening


def test_doctor_finds_nothing_wrong(first: CommandResult, product: Product) -> None:
    assert product.run("doctor").code == 0


@pytest.mark.parametrize("part", ["aws", "etcd", "kube-apiserver", "argocd-application-controller"])
def test_a_killed_part_comes_back_with_its_state(first: CommandResult, product: Product, part: str) -> None:
    victims = [process for process in processes(product) if _is(process, part)]
    assert victims, [process.cmdline()[:3] for process in processes(product)]
    for victim in victims:
        victim.send_signal(signal.SIGKILL)
    again = product.run("up")
    assert again.code == 0, again.words[-4000:]
    assert again.of("resource_changed") == ()


def test_a_stopped_instance_takes_its_node_away_and_brings_it_back(
    first: CommandResult, product: Product, cluster: Cluster
) -> None:
    ec2 = _client(product, "ec2")
    instance = _instance(ec2, "api-chat")
    ec2.stop_instances(InstanceIds=[instance])
    _until(lambda: len(cluster.get("nodes")) == 13)
    ec2.start_instances(InstanceIds=[instance])
    _until(lambda: len(cluster.get("nodes")) == 14)
    assert product.run("up").code == 0


def test_down_leaves_nothing_of_ours_and_everything_of_others(
    first: CommandResult, product: Product, tmp_path: Path
) -> None:
    """While its controllers live. In AWS, line by line, is then what is in an account that was never ours."""
    config = load(product.clone / "bootstrap.yaml", "local", values=False)
    names = (config.project, config.ssm_prefix, config.domain)
    url = product.aws
    strangers.place(partial(client, endpoint=url, credentials=product.credentials), *names)
    look = cloud.Look(url, config.region, product.credentials)
    made = {item.split(" {")[0] for item in cloud.picture(look)}
    assert {
        "elb LoadBalancers",
        "elb TargetGroups",
        f"route53 record of {config.domain}.",
    } <= made
    before = processes(product)
    assert before
    picture = tmp_path / "picture"
    gone = witnessed_down(product, picture).finish()
    assert gone.code == 0, gone.words[-4000:]
    assert strangers.differences(tmp_path, json.loads(picture.read_text()), *names) == []
    receipt = json.loads((product.latest / "receipt.json").read_text())
    removed = " ".join(item["resource"] for item in receipt["removed"])
    assert receipt["complete"] and "Application" in removed and "aws_vpc" in removed
    assert not [process for process in before if process.is_running() and process.status() != "zombie"]
    assert processes(product) == []
    assert not (product.state / "local").exists()
    assert not (product.state / "kubeconfig").exists()
    assert (product.latest / "report.json").exists()
    assert (product.clone / "manifests").is_dir()


def test_down_again_has_nothing_to_do(first: CommandResult, product: Product) -> None:
    assert product.run("down", "--yes").code == 0


def _is(process: psutil.Process, part: str) -> bool:
    words = process.cmdline()
    named = {"aws": "bootstrap.local.aws"}.get(part, part)
    return any(word == named or Path(word).name == named for word in words[:4]) or (
        process.environ().get("ARGOCD_BINARY_NAME") == part
    )


def _client(product: Product, service: str) -> Any:
    return client(service, product.aws, credentials=product.credentials)


def _instance(ec2: Any, node: str) -> str:
    told = ec2.describe_instances(Filters=[{"Name": "tag:bootstrap:node", "Values": [node]}])
    return str(told["Reservations"][0]["Instances"][0]["InstanceId"])


def _inventory(product: Product) -> dict[str, list[str]]:
    """What is in AWS, by the tagging API and the lists it lacks."""
    tagged = _client(product, "resourcegroupstaggingapi").get_paginator("get_resources").paginate()
    names = _client(product, "ssm").get_paginator("describe_parameters").paginate()
    return {
        "tagged": sorted(entry["ResourceARN"] for page in tagged for entry in page["ResourceTagMappingList"]),
        "parameters": sorted(entry["Name"] for page in names for entry in page["Parameters"]),
        "roles": sorted(r["RoleName"] for r in _client(product, "iam").list_roles()["Roles"]),
    }


def _until(true: Any, seconds: float = 60) -> None:
    for _ in _ticks(seconds):
        if true():
            return
    pytest.fail(f"not true within {seconds} s")


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.3)
