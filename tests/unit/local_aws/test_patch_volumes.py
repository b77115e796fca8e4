from __future__ import annotations

from typing import Any

import pytest

from tests.unit.local_aws.machines import ApplyPatch, place

pytestmark = pytest.mark.usefixtures("aws")


def root_volume(**ebs: Any) -> tuple[int | None, int | None]:
    """IOPS and throughput of the root volume that an instance gets."""
    here = place()
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, **ebs}}
    instance = here.run(BlockDeviceMappings=[mapping])["InstanceId"]
    mine = [{"Name": "attachment.instance-id", "Values": [instance]}]
    (volume,) = here.ec2.describe_volumes(Filters=mine)["Volumes"]
    return volume.get("Iops"), volume.get("Throughput")


def test_unpatched_moto_ignores_what_was_asked_for() -> None:
    assert root_volume(VolumeType="gp3", Iops=4000, Throughput=250) == (3000, None)


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ({"VolumeType": "gp3", "Iops": 4000, "Throughput": 250}, (4000, 250)),
        ({"VolumeType": "gp3"}, (3000, 125)),
        ({"VolumeType": "gp2"}, (None, None)),
    ],
)
def test_a_volume_is_as_asked_for(
    patch: ApplyPatch, asked: dict[str, Any], got: tuple[int | None, int | None]
) -> None:
    patch("volumes")
    assert root_volume(**asked) == got


def test_a_volume_made_by_itself_has_the_default_too(patch: ApplyPatch) -> None:
    patch("volumes")
    volume = place().ec2.create_volume(AvailabilityZone="ap-northeast-2a", Size=1, VolumeType="gp3")
    assert volume["Throughput"] == 125
