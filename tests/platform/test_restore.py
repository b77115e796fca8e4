"""A cluster is lost and comes back from its backup: real etcd, etcdctl, etcdutl and API server, S3 and SSM by
moto over HTTP, as the simulated control plane reaches them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from bootstrap.aws.api import Api
from bootstrap.config.model import Environment, Generate, Seed
from bootstrap.core.errors import ProblemsError
from bootstrap.core.files import write_private
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import CONFIG_MAP, NAMESPACE, NODE, SECRET, VOLUME, Json, Key, Kind
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.local.components.control_plane import build_apiserver, build_etcd, egress_config, egress_file
from bootstrap.local.machines.aws import Aws
from bootstrap.local.machines.etcd import Etcd
from bootstrap.local.machines.instances import Instance
from bootstrap.local.machines.recovery import Recovery
from bootstrap.local.pki.cluster import Pki
from bootstrap.local.platform import PROGRAMS
from bootstrap.local.state import ports
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from bootstrap.recovery import etcd
from bootstrap.recovery.etcd import Wait
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from bootstrap.steps import backup, restore, seeds
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.restore import RestoreRequest
from bootstrap.steps.terraform import Outputs
from tests.api_server import TOOLCHAIN, eventually, ready
from tests.aws_context import NODE as MACHINE
from tests.aws_context import REGION, World, client, environment, world
from tests.local_credentials import LOCAL

pytestmark = pytest.mark.platform

LEASE = Kind("coordination.k8s.io", "Lease")
KUBECONFIG = "/eco2/dev/cluster/kubeconfig"
PASSWORD = "/eco2/dev/db/password"
SEEDS = (Seed("db/password", generate=Generate()), Seed("facts/vpc", from_output="vpc"))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        bucket_policies.apply(patch.setattr)
        server.start()
        _, port = server.get_host_and_port()
        yield f"http://127.0.0.1:{port}"
        server.stop()


class Machine:
    """The control plane's machine: a disk, and what runs from it."""

    def __init__(self, folder: Path) -> None:
        tools = {name: TOOLCHAIN.path(name) for name in PROGRAMS}
        layout = StateLayout(folder)
        self.site = Site(
            layout, ports.locate(layout.ports), tools, TOOLCHAIN.share, REGION, folder / "s", LOCAL
        )
        self.pki = Pki(layout.control_plane / "pki", self.site.url("kube-apiserver", "https"))
        self.pki.create()
        self.etcd = Etcd(self.site, self.pki)
        write_private(egress_file(self.site), egress_config(self.site, self.pki))

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        started = []
        try:
            for build in (build_etcd, build_apiserver):
                argv = build(self.site, self.pki).argv
                started.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            cluster = Cluster.from_kubeconfig(self.pki.kubeconfig("admin"))
            eventually(lambda: ready(cluster))
            yield cluster
        finally:
            for process in reversed(started):
                process.kill()
                process.wait(30)

    def snapshot(self, _store: Store, _backup: str, into: Path, _wait: Wait) -> EtcdStatus:
        return self.etcd.save(into)


def run(moto: str, config: Environment, machine: Machine, vpc: str) -> World:
    """A run on that machine, with Terraform's outputs."""
    made = world(
        config,
        endpoint=moto,
        revision=lambda: "c" * 40,
        backup_key=config.home / "key",
    )
    key = client("kms", moto).create_key()["KeyMetadata"]["Arn"]
    made.context.results.put(Outputs({"kms_key_arn": key, "vpc": vpc}))
    config.kubeconfig.unlink(missing_ok=True)
    client("ssm", moto).put_parameter(
        Name=KUBECONFIG,
        Value=machine.pki.kubeconfig("admin").read_text(),
        Type="String",
        Overwrite=True,
    )
    made.context.run_folder.mkdir(parents=True, exist_ok=True)
    return made


def put(made: World, step: object) -> str:
    """Run a step as the runner does; what it says."""
    done = step(made.context)  # type: ignore[operator]
    if done.result is not None:
        made.context.results.put(done.result)
    return str(done.summary)


def test_a_cluster_comes_back_as_it_was(moto: str, tmp_path: Path) -> None:  # noqa: PLR0915 - one story
    config = environment(tmp_path, seeds=SEEDS)
    before, after = Machine(tmp_path / "before"), Machine(tmp_path / "after")

    first = run(moto, config, before, vpc="vpc-1")
    put(first, seeds.run)
    password = value(moto, PASSWORD)
    with before.running() as cluster:
        for item in platform():
            cluster.create(item)
        put(first, backup.begin)
        put(first, partial(backup.take, snapshot=before.snapshot))
        cluster.create(config_map("later"))  # after the snapshot: it is no part of the backup
        assert "2 seeds" in put(first, backup.store)
        lost = cluster.get(Key(CONFIG_MAP, "shop", "settings"))

    # The account is empty again but for the bucket.
    ssm = client("ssm", moto)
    ssm.delete_parameters(Names=[PASSWORD, "/eco2/dev/facts/vpc", KUBECONFIG])

    second = run(moto, config, after, vpc="vpc-2")
    put(second, lambda context: restore.check(context, RestoreRequest("latest")))
    put(second, restore.order)
    put(second, restore.source)
    put(second, seeds.run)
    assert value(moto, PASSWORD) == password, "a restored secret comes before a new one"
    assert value(moto, "/eco2/dev/facts/vpc") == "vpc-2", "facts are those of the new infrastructure"

    session = boto3.Session("local", "local", region_name=REGION)
    aws = Aws(None, session.client("ssm", endpoint_url=moto), 0)
    assert Recovery(aws, after.etcd).ready(instance())
    with after.running() as cluster:
        assert not cluster.list(NODE), "the machines of the lost cluster are not in the new one"
        assert not [item for item in cluster.list(LEASE) if item["metadata"]["name"] == "old-leader"]
        found = cluster.get(Key(CONFIG_MAP, "shop", "settings"))
        assert found == lost, "the very same object, uid, revision and time included"
        assert cluster.find(Key(CONFIG_MAP, "shop", "later")) is None
        fresh = cluster.create(config_map("fresh"))
        assert int(fresh["metadata"]["resourceVersion"]) > etcd.BUMP
        second.context.results.put(ClusterAccess(config.kubeconfig, cluster))
        assert "1 volumes are gone, 1 tokens" in put(second, restore.tidy)
        assert cluster.find(Key(VOLUME, "", "pv-lost")) is None

        # Not equal: named, and the order stays, so that the same command can go on.
        cluster.patch(Key(CONFIG_MAP, "shop", "settings"), {"data": {"colour": "blue"}})
        ssm.put_parameter(Name=PASSWORD, Value="another", Type="SecureString", Overwrite=True)
        with pytest.raises(ProblemsError) as refused:
            put(second, restore.verify)
        assert [problem.where for problem in refused.value.problems] == [PASSWORD, "etcd"]
        assert "ConfigMap shop/settings is changed" in str(refused.value)
        assert restore.pending(second.context)

        cluster.patch(Key(CONFIG_MAP, "shop", "settings"), {"data": {"colour": "green"}})
        ssm.put_parameter(Name=PASSWORD, Value=password, Type="SecureString", Overwrite=True)
        assert "0 made anew" in put(second, restore.verify)
        assert not restore.pending(second.context)
    store = Api(client("s3", moto))
    bucket = "eco2-dev-backups-123456789012"
    keys = [item["Key"] for item in store.pages("list_objects_v2", "Contents", Bucket=bucket)]
    assert sorted(key.rsplit("/", 1)[-1] for key in keys) == sorted(
        ["environment.json", "etcd.db", "manifest.json", "objects.json", "seeds.json"]
    )
    content = b"".join(store.call("get_object", Bucket=bucket, Key=key)["Body"].read() for key in keys)
    assert password.encode() not in content and b"s3cret-in-etcd" not in content
    assert not list((first.context.run_folder / "backup").glob("plain*"))


def value(moto: str, parameter: str) -> str:
    found = client("ssm", moto).get_parameter(Name=parameter, WithDecryption=True)
    return str(found["Parameter"]["Value"])


def instance() -> Instance:
    return Instance(
        *("i-2", "running", MACHINE.name, "control-plane", "a", "t3.medium", "10.0.0.1", "eco2-dev"),
        *("/eco2/dev", "", "2026-01-01", {}, ()),
    )


def config_map(which: str, **data: str) -> Json:
    meta = {"name": which, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def platform() -> Iterator[Json]:
    """What stands for one: things to be kept, and things of machines that will be gone."""

    def item(kind: Kind, which: str, namespace: str = "", **rest: object) -> Json:
        version = f"{kind.group}/v1" if kind.group else "v1"
        space = {"namespace": namespace} if namespace else {}
        return {"apiVersion": version, "kind": kind.name, "metadata": {"name": which, **space}, **rest}

    yield item(NAMESPACE, "shop")
    yield config_map("settings", colour="green")
    yield item(SECRET, "login", "shop", stringData={"password": "s3cret-in-etcd"})
    yield item(NODE, "cp", spec={"providerID": "aws:///a/i-1"})
    yield item(LEASE, "old-leader", "kube-system", spec={"holderIdentity": "cp"})
    csi = {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0123456789abcdef0"}
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "csi": csi}
    yield item(VOLUME, "pv-lost", spec=spec)
    yield item(Kind("", "ServiceAccount"), "robot", "shop")
    token = item(SECRET, "robot-token", "shop", type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "robot"}
    yield {**token, "data": {"token": "b2xk"}}
