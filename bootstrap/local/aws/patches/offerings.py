"""Load the instance types that a region offers only when they are asked for.

moto loads those of all 30 regions at start: 45 MB.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import instance_types, instances, spot_requests
from moto.utilities.utils import load_resource

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    lazy = {location_type: Regions(location_type) for location_type in instance_types.INSTANCE_TYPE_OFFERINGS}
    for module in (instance_types, instances, spot_requests):
        patch(module, "INSTANCE_TYPE_OFFERINGS", lazy)


class Regions(dict[str, Any]):
    """The offerings of one location type, by region."""

    def __init__(self, location_type: str) -> None:
        super().__init__()
        self._location_type = location_type

    def __missing__(self, region: str) -> list[dict[str, Any]]:
        file = f"ec2/resources/instance_type_offerings/{self._location_type}/{region}.json"
        try:
            offered: list[dict[str, Any]] = load_resource(file)
        except FileNotFoundError as error:
            raise KeyError(region) from error
        for item in offered:
            item["LocationType"] = self._location_type
        self[region] = offered
        return offered

    def get(self, region: str, default: Any = None) -> Any:
        try:
            return self[region]
        except KeyError:
            return default
