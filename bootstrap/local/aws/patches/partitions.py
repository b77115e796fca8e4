"""There is one partition, `aws`.

moto looks up each request's access key in the IAM of all six, and so makes six times AWS's 1,400 policies: 70
MB and most of the time of the first request.
"""

from __future__ import annotations

from moto.iam import models

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(models, "PARTITION_NAMES", ["aws"])
