"""An instance's volumes get the requested IOPS and throughput; the default throughput of gp3 is 125 MiB/s.

moto ignores both in the block device mappings of RunInstances and knows no default throughput: Terraform
would set them again in every run.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse

from bootstrap.local.aws.patches import Setter

GP3_THROUGHPUT = 125  # MiB/s


def apply(patch: Setter) -> None:
    patch(
        InstanceResponse,
        "_parse_block_device_mapping",
        _keeping(InstanceResponse._parse_block_device_mapping),
    )
    patch(InstanceBackend, "run_instances", _obeying(InstanceBackend.run_instances))
    patch(EBSBackend, "create_volume", _with_default(EBSBackend.create_volume))


def _keeping(original: Any) -> Any:
    def parse(self: InstanceResponse) -> list[dict[str, Any]]:
        mappings: list[dict[str, Any]] = original(self)
        asked = {
            item.get("DeviceName"): item.get("Ebs", {}) for item in self._get_param("BlockDeviceMappings", [])
        }
        for mapping in mappings:
            mapping["Ebs"]["Throughput"] = asked[mapping["DeviceName"]].get("Throughput")
        return mappings

    return parse


def _obeying(original: Any) -> Any:
    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = {
            item["DeviceName"]: item["Ebs"]
            for item in kwargs.get("block_device_mappings") or ()
            if item.get("NoDevice") != ""
        }
        reservation = original(self, *args, **kwargs)
        for instance in reservation.instances:
            for device, attached in instance.get_block_device_mapping:
                volume = self.volumes[attached.volume_id]
                volume.iops = asked.get(device, {}).get("Iops") or volume.iops
                volume.throughput = asked.get(device, {}).get("Throughput") or volume.throughput
        return reservation

    return run_instances


def _with_default(original: Any) -> Any:
    def create_volume(self: Any, *args: Any, **kwargs: Any) -> Any:
        volume = original(self, *args, **kwargs)
        if volume.volume_type == "gp3" and not volume.throughput:
            volume.throughput = GP3_THROUGHPUT
        return volume

    return create_volume
