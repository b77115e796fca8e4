"""A restored cluster whose volumes are gone: nothing may wait for them for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.kubernetes.objects import CLAIM, POD, VOLUME, Json, Key
from bootstrap.recovery.store import Store
from bootstrap.recovery.vault import Vault
from bootstrap.steps import restore
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.restore import Rebuilding, RestoreRequest
from tests.aws_context import World, client, environment, world
from tests.kubernetes_fake import FakeServer
from tests.unit.recovery.test_manifest import ABOUT


def volume(which: str, handle: str) -> Json:
    claim = {"namespace": "shop", "name": f"data-{which}"}
    csi = {"driver": "ebs.csi.aws.com", "volumeHandle": handle}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pv-{which}", "finalizers": ["kubernetes.io/pv-protection"]},
        "spec": {"csi": csi, "claimRef": claim},
    }


def claim(which: str) -> Json:
    meta = {"name": f"data-{which}", "namespace": "shop", "finalizers": ["kubernetes.io/pvc-protection"]}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}}


def pod(which: str) -> Json:
    mounted = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{which}"}}
    meta = {"name": which, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"volumes": [mounted]}}


def a_world(tmp_path: Path, server: FakeServer, request: RestoreRequest) -> World:
    made = world(environment(tmp_path))
    vault: Any = Vault(Store(None, "", ""), None, ours=True)  # type: ignore[arg-type]
    made.context.results.put(Rebuilding(request, ABOUT, vault, tmp_path, {}, b"", {}))
    made.context.results.put(ClusterAccess(tmp_path / "kubeconfig", server.cluster))
    return made


@pytest.mark.parametrize("gitops_only", [False, True])
def test_claims_go_with_their_volumes_and_pods_are_made_anew(tmp_path: Path, gitops_only: bool) -> None:
    server = FakeServer()
    with mock_aws():
        zone = "ap-northeast-2a"
        there = client("ec2").create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
        for which, handle in (("kept", there), ("lost", "vol-0123456789abcdef0")):
            for item in (volume(which, handle), claim(which), pod(which)):
                server.cluster.create(item)
        made = a_world(tmp_path, server, RestoreRequest("latest", gitops_only=gitops_only))
        restore.tidy(made.context)

    def left(which: str) -> list[bool]:
        keys = (Key(VOLUME, "", f"pv-{which}"), Key(CLAIM, "shop", f"data-{which}"), Key(POD, "shop", which))
        return [server.cluster.find(key) is not None for key in keys]

    assert left("kept") == [True] * 3
    assert left("lost") == [gitops_only] * 3
