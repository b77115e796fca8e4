"""Rotation with the real External Secrets, a real API server, and our AWS."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bootstrap.aws.secret_age import MADE
from bootstrap.config.model import Generate, Seed
from bootstrap.core.clock import SystemClock
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import SECRET, Json, Key
from bootstrap.plan import build_rotate
from bootstrap.run.runner import Runner
from bootstrap.steps import access
from bootstrap.steps.rotate import Rotation
from bootstrap.targets.base import Phases
from tests import aws_context
from tests.api_server import TOOLCHAIN, Server, eventually, free_ports
from tests.platform.dev_world import local_aws

pytestmark = pytest.mark.platform

SEEDS = (Seed("password", generate=Generate()), Seed("url", template="x://{seed:password}@y"))


@contextmanager
def external_secrets(server: Server, aws: str) -> Iterator[None]:
    """The operator as the local platform runs it."""
    (metrics,) = free_ports(1)
    environ = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(server.kubeconfig("admin")),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SSM_ENDPOINT": aws,
        "AWS_SECRETSMANAGER_ENDPOINT": aws,
        "AWS_STS_ENDPOINT": aws,
    }
    flags = ("--enable-leader-election=false", f"--metrics-addr=127.0.0.1:{metrics}")
    with (server.folder / "eso.log").open("wb") as log:
        process = subprocess.Popen(
            [TOOLCHAIN.path("external-secrets"), *flags], env=environ, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def external() -> Json:
    data = [
        {"secretKey": name.upper(), "remoteRef": {"key": f"/eco2/dev/{name}"}} for name in ("password", "url")
    ]
    spec = {
        "refreshInterval": "1h",  # by itself it would not look again in time
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws-ssm"},
        "target": {"name": "held"},
        "data": data,
    }
    meta = {"name": "held", "namespace": "default"}
    return {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": meta, "spec": spec}


STORE: Json = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ClusterSecretStore",
    "metadata": {"name": "aws-ssm"},
    "spec": {"provider": {"aws": {"service": "ParameterStore", "region": aws_context.REGION}}},
}


def held(cluster: Cluster) -> dict[str, str]:
    item = cluster.find(Key(SECRET, "default", "held")) or {}
    return {key: base64.b64decode(text).decode() for key, text in (item.get("data") or {}).items()}


def test_a_rotated_secret_is_in_the_cluster_long_before_its_refresh_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("aws", "api"):
        (tmp_path / name).mkdir()
    with local_aws(tmp_path / "aws") as aws, Server(tmp_path / "api") as server:
        cluster = server.cluster()
        for item in definitions():
            cluster.apply(item)
        eventually(lambda: cluster.refresh().find(Key.of(external()).kind) is not None)
        ssm = aws_context.client("ssm", aws)
        put(ssm, "password", "the-old-password")
        put(ssm, "url", "x://the-old-password@y")
        with external_secrets(server, aws):
            cluster.apply(STORE)
            cluster.apply(external())
            eventually(
                lambda: held(cluster) == {"PASSWORD": "the-old-password", "URL": "x://the-old-password@y"}
            )
            monkeypatch.setattr(access, "existing", lambda _: cluster)
            here = aws_context.world(
                aws_context.environment(tmp_path, seeds=SEEDS), endpoint=aws, clock=SystemClock()
            )
            plan = build_rotate(here.context.config, Phases(), Rotation(("password",)))
            outcome = Runner(plan, here.context).run()
        assert outcome.outcome == "succeeded", outcome.failures
        new = ssm.get_parameter(Name="/eco2/dev/password", WithDecryption=True)["Parameter"]["Value"]
        assert new != "the-old-password"
        assert held(cluster) == {"PASSWORD": new, "URL": f"x://{new}@y"}
        assert new not in f"{here.events}"


def put(ssm: Any, name: str, value: str) -> None:
    tags = [{"Key": MADE, "Value": "2020-01-01T00:00:00Z"}]
    ssm.put_parameter(Name=f"/eco2/dev/{name}", Value=value, Type="SecureString", Tags=tags)


def definitions() -> list[Json]:
    """External Secrets' own, without the webhook that would convert between versions."""
    found = manifests((TOOLCHAIN.share / "external-secrets" / "crds.yaml").read_text())
    for item in found:
        item["spec"].pop("conversion", None)
    return list(found)
