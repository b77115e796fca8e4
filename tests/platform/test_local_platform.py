"""The local platform as it is: real processes, one story told in order on one platform.

Machines boot, Argo CD and ESO work, parts are killed, machines stop and go, everything ends.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml

from bootstrap.config.load import load
from bootstrap.config.model import Environment, Node
from bootstrap.core.clock import SystemClock
from bootstrap.core.wait import Observation, until
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.errors import Forbidden
from bootstrap.kubernetes.objects import (
    API_SERVICE,
    APP_PROJECT,
    APPLICATION,
    CLAIM,
    INGRESS,
    JOB,
    NODE,
    SECRET,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    dig,
    is_true,
    labels_of,
    name,
    spec,
)
from bootstrap.local.aws import override
from bootstrap.local.platform import Platform, ProcessStatus
from bootstrap.local.supervisor.process import marked
from bootstrap.local.toolchain import Toolchain

pytestmark = pytest.mark.platform

CONFIG = Path(__file__).parents[2] / "bootstrap.yaml"
HERE = Path(__file__).parent
PASSWORD = "canary-Zx81"
STORE = Kind("external-secrets.io", "ClusterSecretStore")


@dataclass
class World:
    """What the story goes on with."""

    platform: Platform
    config: Environment
    folder: Path
    kubeconfig: Path

    def client(self, service: str) -> Any:
        site = self.platform.site
        settings = override.client_settings(site.url("aws"), self.config.region, site.credentials)
        return boto3.client(service, **settings)

    @cached_property
    def cluster(self) -> Cluster:
        return Cluster.from_kubeconfig(self.kubeconfig)

    def parts(self) -> dict[str, ProcessStatus]:
        return {part.name: part for part in self.platform.parts()}

    def start(self) -> bool:
        return self.platform.start(lambda _: None, threading.Event())

    def apply(self, *items: Json) -> None:
        for item in items:
            eventually(f"applying {item['kind']}", partial(self.cluster.apply, item))


def eventually(what: str, probe: Callable[[], Any], deadline: float = 600.0) -> Any:
    """The first true answer; errors count as "not yet"."""

    def look() -> Observation[Any]:
        try:
            return Observation(probe() or None, "not yet")
        except Exception as error:
            return Observation(None, f"{type(error).__name__}: {error}")

    return until(
        look,
        what=what,
        deadline=deadline,
        clock=SystemClock(),
        cancel=threading.Event(),
        progress=lambda _: None,
        interval=0.1,
        longest=0.5,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    toolchain = Toolchain.locate(CONFIG.parent)
    if toolchain.missing():
        pytest.skip("the toolchain is not built")
    folder = tmp_path_factory.mktemp("a folder with spaces")
    config = replace(load(CONFIG, "local", values=False), home=folder)
    world = World(Platform.locate(config, toolchain), config, folder, folder / "kubeconfig")
    try:
        world.start()
        yield world
    finally:
        world.platform.stop(lambda _: None)


def launch(world: World, node: Node, key: str) -> str:
    """One instance as Terraform makes it."""
    template = "k8s.io/cluster-autoscaler/node-template"
    tags = {
        "bootstrap:node": node.name,
        "bootstrap:role": node.role,
        "bootstrap:ssm-prefix": world.config.ssm_prefix,
        "bootstrap:kms-key": key,
        "kubernetes.io/cluster/eco2-local": "owned",
        **{f"{template}/label/{label}": value for label, value in node.labels.items()},
        **{f"{template}/taint/{taint.key}": f"{taint.value}:{taint.effect}" for taint in node.taints},
    }
    ec2 = world.client("ec2")
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image,
        InstanceType=node.instance_type,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": tag, "Value": value} for tag, value in tags.items()],
            }
        ],
    )
    return str(made["Instances"][0]["InstanceId"])


def instance_of(world: World, node: str) -> str:
    filters = [
        {"Name": "tag:bootstrap:node", "Values": [node]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    found = world.client("ec2").describe_instances(Filters=filters)
    return str(found["Reservations"][0]["Instances"][0]["InstanceId"])


def parameter(world: World, path: str) -> str:
    found = world.client("ssm").get_parameter(Name=f"{world.config.ssm_prefix}/{path}", WithDecryption=True)
    return str(found["Parameter"]["Value"])


def ready_nodes(world: World) -> dict[str, Json]:
    return {name(node): node for node in world.cluster.list(NODE) if is_true(node, "Ready")}


def all_ready(world: World) -> bool:
    return ready_nodes(world).keys() == {node.name for node in world.config.nodes}


def test_nothing_runs_before_a_machine_does(world: World) -> None:
    assert world.parts().keys() == {"supervisor", "aws", "upstream", "simulator"}
    assert all(part.ready for part in world.parts().values())


def test_machines_boot_and_every_node_becomes_ready(world: World) -> None:
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    for node in world.config.nodes:
        launch(world, node, key)
    world.kubeconfig.write_text(eventually("kubeconfig", lambda: parameter(world, "cluster/kubeconfig")))
    eventually("14 nodes", lambda: all_ready(world))
    for node in world.config.nodes:
        live = ready_nodes(world)[node.name]
        assert node.labels.items() <= labels_of(live).items()
        taints = {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in spec(live)["taints"]}
        assert {(taint.key, taint.value, taint.effect) for taint in node.taints} <= taints
        assert spec(live)["providerID"].startswith(f"aws:///{world.config.region}")
        assert spec(live)["providerID"].endswith(instance_of(world, node.name))
        marker = eventually("marker", partial(parameter, world, f"nodes/{node.name}/status"))
        assert '"phase": "ready"' in marker


def test_the_kubeconfig_is_a_secret_under_the_key(world: World) -> None:
    found = world.client("ssm").describe_parameters(
        ParameterFilters=[{"Key": "Name", "Values": [f"{world.config.ssm_prefix}/cluster/kubeconfig"]}]
    )["Parameters"][0]
    assert found["Type"] == "SecureString"
    assert ":key/" in found["KeyId"]


def test_real_argo_cd_syncs_an_application(world: World) -> None:
    share = world.platform.site.share
    world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    for item in manifests((share / "argocd" / "install.yaml").read_text()):
        if item["kind"] in {"Deployment", "StatefulSet"}:
            item["spec"]["template"]["spec"]["tolerations"] = [{"key": "domain", "operator": "Exists"}]
        cluster_wide = item["kind"].startswith("Cluster") or item["kind"] == "CustomResourceDefinition"
        if not cluster_wide:
            item["metadata"]["namespace"] = "argocd"
        world.apply(item)
    eventually("default project", lambda: world.cluster.find(Key(APP_PROJECT, "argocd", "default")))
    world.apply(application(repository(world.folder / "repo")))
    eventually("synced and healthy", lambda: settled(world, "hello"))
    eventually("the hook", lambda: is_true(world.cluster.get(Key(JOB, "demo", "schema")), "Complete"))
    assert dig(world.cluster.get(Key(INGRESS, "demo", "web")), "status", "loadBalancer", "ingress")[0][
        "hostname"
    ]


def test_a_claim_gets_a_volume_that_aws_knows(world: World) -> None:
    claim = world.cluster.get(Key(CLAIM, "demo", "data-db-0"))
    assert dig(claim, "status", "phase") == "Bound"
    volumes = world.client("ec2").describe_volumes(
        Filters=[{"Name": "tag:kubernetes.io/created-for/pvc/name", "Values": ["data-db-0"]}]
    )["Volumes"]
    assert [volume["Size"] for volume in volumes] == [3]


def test_real_eso_brings_a_secret_from_ssm(world: World) -> None:
    share = world.platform.site.share
    world.client("ssm").put_parameter(
        Name="/eco2/dev/database/auth/password", Value=PASSWORD, Type="SecureString"
    )
    for item in manifests((share / "external-secrets" / "crds.yaml").read_text()):
        world.apply(item)
    world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "external-secrets"}})
    for item in manifests(eso_chart(world)):
        world.apply(item)
    # The real webhook has the last word on these; it is asked through the cluster's network.
    world.apply(
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ClusterSecretStore",
            "metadata": {"name": "aws-ssm"},
            "spec": {"provider": {"aws": {"service": "ParameterStore", "region": world.config.region}}},
        },
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": "postgres", "namespace": "demo"},
            "spec": {
                "refreshInterval": "1m",
                "secretStoreRef": {"name": "aws-ssm", "kind": "ClusterSecretStore"},
                "data": [{"secretKey": "PASSWORD", "remoteRef": {"key": "/eco2/dev/database/auth/password"}}],
            },
        },
    )
    secret = eventually("secret", lambda: world.cluster.find(Key(SECRET, "demo", "postgres")))
    assert b64decode(secret["data"]["PASSWORD"]).decode() == PASSWORD


def test_the_real_webhook_refuses_what_is_wrong(world: World) -> None:
    wrong = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "wrong", "namespace": "demo"},
        "spec": {
            "secretStoreRef": {"name": "aws-ssm"},
            "target": {"deletionPolicy": "Delete", "creationPolicy": "None"},
            "dataFrom": [{"extract": {"key": "x"}}],
        },
    }
    with pytest.raises(Exception, match="deletionPolicy=Delete must not be used"):
        world.cluster.create(wrong)


def test_programs_run_with_the_rights_of_their_service_account(world: World) -> None:
    kubeconfig = world.platform.site.layout.workloads / "argocd-redis" / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o077 == 0
    with pytest.raises(Forbidden, match="argocd-redis"):
        Cluster.from_kubeconfig(kubeconfig).list(SECRET, "demo")


def test_simulated_webhooks_and_apis_answer(world: World) -> None:
    """Without the Job that a chart runs for the certificate, and without breaking discovery."""
    for item in manifests((HERE / "webhook.yaml").read_text()):
        world.apply(item)
    allowed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen", "namespace": "guarded"}}
    world.apply(allowed)
    eventually(
        "the API",
        lambda: is_true(
            world.cluster.get(Key(API_SERVICE, "", "v1beta1.custom.metrics.k8s.io")), "Available"
        ),
    )
    webhooks = world.cluster.get(Key(VALIDATING_WEBHOOKS, "", "guard"))["webhooks"]
    assert webhooks[0]["clientConfig"]["caBundle"]


def test_no_secret_is_in_a_log_or_an_argument(world: World) -> None:
    redis = b64decode(world.cluster.get(Key(SECRET, "argocd", "argocd-redis"))["data"]["auth"]).decode()
    token = (world.platform.site.layout.workloads / "external-secrets" / "kubeconfig").read_text()
    secrets = (PASSWORD, redis, yaml.safe_load(token)["users"][0]["user"]["token"])
    for log in world.platform.site.layout.logs.iterdir():
        assert [secret for secret in secrets if secret in log.read_text(errors="replace")] == [], log
    for process, _ in marked(world.platform.site.layout.root):
        assert [secret for secret in secrets if secret in " ".join(process.cmdline())] == []


@pytest.mark.parametrize("part", ["kube-apiserver", "etcd", "simulator", "aws", "kwok", "argocd-repo-server"])
def test_a_dead_part_is_started_again(world: World, part: str) -> None:
    before = world.parts()[part]
    assert before.pid
    psutil.Process(before.pid).kill()
    after = eventually(part, lambda: reborn(world, part, before.pid))
    assert after.restarts == before.restarts + 1
    eventually("14 nodes", lambda: all_ready(world))
    assert eventually("the application", lambda: settled(world, "hello"))


def test_a_new_supervisor_takes_over_what_runs(world: World) -> None:
    before = {part: status.pid for part, status in world.parts().items()}
    psutil.Process(before.pop("supervisor")).kill()
    eventually("the supervisor's end", lambda: not world.platform.running())
    assert world.start()
    eventually("adoption", lambda: all_up(world))
    after = {part: status.pid for part, status in world.parts().items()}
    assert after.pop("supervisor") not in before.values()
    assert after == before


def test_starting_twice_changes_nothing(world: World) -> None:
    before = {part: status.pid for part, status in world.parts().items()}
    assert not world.start()
    assert {part: status.pid for part, status in world.parts().items()} == before


def test_a_stopped_machine_loses_its_node_until_it_is_started(world: World) -> None:
    instance = instance_of(world, "redis")
    world.client("ec2").stop_instances(InstanceIds=[instance])
    eventually("the node's end", lambda: "redis" not in ready_nodes(world))
    world.client("ec2").start_instances(InstanceIds=[instance])
    eventually("14 nodes", lambda: all_ready(world))


def test_drift_is_left_to_those_who_repair_it(world: World) -> None:
    world.cluster.patch(Key(NODE, "", "api-my"), {"metadata": {"labels": {"domain": "wrong"}}})
    world.client("ec2").create_tags(
        Resources=[instance_of(world, "api-my")], Tags=[{"Key": "x", "Value": "y"}]
    )
    time.sleep(1.0)  # long enough for the machines to have looked
    assert labels_of(world.cluster.get(Key(NODE, "", "api-my")))["domain"] == "wrong"


def test_scaled_to_nothing_a_program_ends(world: World) -> None:
    deployment = Key(Kind("apps", "Deployment"), "argocd", "argocd-applicationset-controller")
    world.cluster.patch(deployment, {"spec": {"replicas": 0}})
    eventually("its end", lambda: "argocd-applicationset-controller" not in world.parts())


def test_a_stopped_control_plane_keeps_its_data(world: World) -> None:
    instance = instance_of(world, "control-plane")
    world.client("ec2").stop_instances(InstanceIds=[instance])
    eventually(
        "the end of the rest", lambda: world.parts().keys() == {"supervisor", "aws", "upstream", "simulator"}
    )
    world.client("ec2").start_instances(InstanceIds=[instance])
    assert eventually("the application", lambda: settled(world, "hello"))
    eventually("Argo CD", lambda: world.parts()["argocd-application-controller"].ready)


def test_a_terminated_control_plane_takes_everything_along(world: World) -> None:
    world.client("ec2").terminate_instances(InstanceIds=[instance_of(world, "control-plane")])
    eventually(
        "the end of the rest", lambda: world.parts().keys() == {"supervisor", "aws", "upstream", "simulator"}
    )
    eventually("an empty disk", lambda: not world.platform.site.layout.control_plane.exists())
    assert not world.platform.site.layout.workloads.exists()


def test_one_that_was_told_to_end_is_started_again(world: World) -> None:
    """A `down` that was killed at its end had asked for it: the supervisor lives, but starts nothing."""
    before = world.parts()["supervisor"].pid
    psutil.Process(before).terminate()
    eventually("its end to begin", lambda: not any(part.ready for part in services(world)))
    assert world.start()
    assert world.parts()["supervisor"].pid != before
    assert all_up(world)


def services(world: World) -> list[ProcessStatus]:
    return [part for name, part in world.parts().items() if name != "supervisor"]


def test_the_end_leaves_neither_process_nor_file(world: World) -> None:
    world.platform.stop(lambda _: None)
    assert not list(marked(world.platform.site.layout.root))
    assert not world.platform.site.layout.root.exists()
    assert world.platform.parts() == ()


def all_up(world: World) -> bool:
    down = [part.name for part in world.parts().values() if not part.ready]
    assert not down, down
    return True


def reborn(world: World, part: str, old: int | None) -> ProcessStatus | None:
    found = world.parts()[part]
    return found if found.ready and found.pid != old else None


def settled(world: World, app: str) -> bool:
    """Synced and Healthy: what is missing does not make an Application unhealthy since Argo CD 3.4."""
    found = world.cluster.find(Key(APPLICATION, "argocd", app)) or {}
    verdict = dig(found, "status", "sync", "status"), dig(found, "status", "health", "status")
    return verdict == ("Synced", "Healthy")


def eso_chart(world: World) -> str:
    site = world.platform.site
    chart = str(site.share / "external-secrets" / "chart")
    argv = [str(site.tools["helm"]), "template", "external-secrets", chart]
    tolerations = [
        f"--set={part}tolerations[0].{key}"
        for part in ("", "webhook.", "certController.")
        for key in ("key=domain", "operator=Exists")
    ]
    options = ["--namespace=external-secrets", "--set=installCRDs=false", *tolerations]
    environment = {**os.environ, **site.upstream_environment}
    return subprocess.run(
        [*argv, *options], env=environment, capture_output=True, text=True, check=True
    ).stdout


def repository(folder: Path) -> Path:
    """A Git repository with the demo manifests."""
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "all.yaml").write_text((HERE / "demo.yaml").read_text())
    git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", "Demo"],
    ):
        subprocess.run([*git, *command], check=True)
    return folder


def application(repo: Path) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "hello", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": repo.as_uri(), "path": "app", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "demo"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true"],
            },
        },
    }
