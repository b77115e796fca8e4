"""SendCommand runs on the instances that it names.

moto adds those that match its targets. Without targets that is every instance, even stopped and foreign ones.
"""

from __future__ import annotations

from typing import Any

from moto.ssm.models import Command

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(Command, "_get_instance_ids_from_targets", _only_if_asked(Command._get_instance_ids_from_targets))


def _only_if_asked(original: Any) -> Any:
    return lambda command: original(command) if command.targets else []
