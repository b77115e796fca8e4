"""Volumes for claims: in the cluster and in AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.kubernetes.objects import VOLUME, Json, Kind, dig, spec
from bootstrap.local.controllers.ebs_csi import (
    DRIVER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    UNITS,
    EbsDriver,
    gibibytes,
    pending,
    released,
)
from tests.aws_context import client
from tests.kubernetes_fake import BUILT_IN, FakeServer


def claim(called: str = "data", **more: Any) -> Json:
    notes = {PROVISIONER: DRIVER, SELECTED_NODE: "redis", **more.get("annotations", {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": called, "namespace": "demo", "uid": f"uid-{called}", "annotations": notes},
        "spec": {
            "storageClassName": "gp3",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": more.get("size", "3Gi")}},
            **({"volumeName": more["volume"]} if "volume" in more else {}),
        },
    }


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield client("ec2")


@pytest.fixture
def server() -> FakeServer:
    made = FakeServer(kinds=(*BUILT_IN, Kind("storage.k8s.io", "StorageClass")))
    zone = {"topology.kubernetes.io/zone": "ap-northeast-2b"}
    made.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "redis", "labels": zone}})
    return made


def ours(ec2: Any) -> list[Any]:
    return list(
        ec2.describe_volumes(Filters=[{"Name": "tag:ebs.csi.aws.com/cluster", "Values": ["true"]}])["Volumes"]
    )


def test_a_pending_claim_gets_a_volume_where_its_pod_will_be(server: FakeServer, ec2: Any) -> None:
    EbsDriver(server.cluster, ec2, lambda: None)._reconcile([claim()], [])
    volume = server.get(VOLUME, "pvc-uid-data")
    (made,) = ours(ec2)
    assert dig(volume, "spec", "csi", "volumeHandle") == made["VolumeId"]
    assert (made["AvailabilityZone"], made["Size"], made["VolumeType"]) == ("ap-northeast-2b", 3, "gp3")
    assert spec(volume)["claimRef"]["uid"] == "uid-data"
    assert spec(volume)["capacity"] == {"storage": "3Gi"}


def test_a_claim_that_has_its_volume_gets_no_second(server: FakeServer, ec2: Any) -> None:
    driver = EbsDriver(server.cluster, ec2, lambda: None)
    driver._reconcile([claim()], [])
    driver._reconcile([claim()], server.cluster.list(VOLUME))
    driver._reconcile([claim()], [])  # the mirror has not seen it yet
    assert len(ours(ec2)) == 1


def test_a_released_volume_goes_from_cluster_and_aws(server: FakeServer, ec2: Any) -> None:
    driver = EbsDriver(server.cluster, ec2, lambda: None)
    driver._reconcile([claim()], [])
    volume = {**server.get(VOLUME, "pvc-uid-data"), "status": {"phase": "Released"}}
    driver._reconcile([], [volume])
    assert server.cluster.list(VOLUME) == ()
    assert ours(ec2) == []
    driver._reconcile([], [volume])  # twice is once


@pytest.mark.parametrize(
    "other",
    [
        claim(annotations={PROVISIONER: "someone.else"}),
        claim(volume="pvc-1"),
        {**claim(), "metadata": {**claim()["metadata"], "deletionTimestamp": "x"}},
        {**claim(), "metadata": {"name": "waiting", "uid": "1"}},
    ],
)
def test_other_claims_are_none_of_its_business(other: Json) -> None:
    assert list(pending([other], [])) == []


def test_a_retained_volume_stays() -> None:
    volume = {
        "metadata": {"name": "pvc-1", "annotations": {PROVISIONED_BY: DRIVER}},
        "spec": {"persistentVolumeReclaimPolicy": "Retain"},
        "status": {"phase": "Released"},
    }
    assert list(released([volume])) == []
    volume["spec"] = {"persistentVolumeReclaimPolicy": "Delete"}
    assert list(released([volume])) == [volume]


@given(st.integers(1, 5000), st.sampled_from(sorted(UNITS)))
def test_sizes_are_rounded_up(number: int, unit: str) -> None:
    size = gibibytes(f"{number}{unit}")
    assert size * 2**30 >= number * UNITS[unit]
    assert size == 1 or (size - 1) * 2**30 < number * UNITS[unit]


@pytest.mark.parametrize("text", ["", "much", "3Xi", "-1Gi", "1Gi "])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        gibibytes(text)
