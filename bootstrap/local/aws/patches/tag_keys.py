"""Find what has any of several tag keys.

The values of a filter are alternatives; moto wants all of them for `tag-key`, or no other key. The inventory
would miss most of an environment.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from moto.ec2 import utils

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(utils, "is_filter_matching", partial(_matching, utils.is_filter_matching))


def _matching(original: Any, item: Any, name: str, values: Any) -> bool:
    if name == "tag-key":
        return any(original(item, name, [value]) for value in values)
    return bool(original(item, name, values))
