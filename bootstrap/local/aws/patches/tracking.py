"""Free the memory of deleted objects.

moto keeps every object in a list of its class, for its dashboard and reset: each version of Terraform's state
and of a node's status would stay in memory.
"""

from __future__ import annotations

from typing import Any

from moto.core.common_models import BaseModel

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(BaseModel, "__new__", staticmethod(_untracked))


def _untracked(cls: type, *_args: Any, **_kwargs: Any) -> Any:
    return object.__new__(cls)
