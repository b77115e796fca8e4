"""What SSM tells a control plane that is to begin with a backup."""

from __future__ import annotations

import json

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.core.errors import PermanentError

ORDER, SOURCE = "cluster/restore", "cluster/restore-source"  # below the prefix; user data reads them


def pending(api: Api, prefix: str) -> str:
    """The backup of which a restore is under way; empty when none is. `api` is SSM.

    Raises PermanentError for an order that nobody of ours wrote.
    """
    name = f"{prefix}/{ORDER}"
    text = ssm.read(api, [name]).get(name)
    try:
        return str(json.loads(text).get("backup", "")) if text else ""
    except (ValueError, AttributeError, RecursionError) as error:
        cure = f"aws ssm delete-parameter --name {name}"
        raise PermanentError(
            "the order of a restore cannot be read", f"{name} is not of ours", cure
        ) from error
