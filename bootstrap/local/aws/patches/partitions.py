"""Use one partition, `aws`.

moto looks up the access key of each request in the IAM of all six partitions, and so creates AWS's 1,400
managed policies six times: 70 MB, and most of the time of the first request.
"""

from __future__ import annotations

from moto.iam import models

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(models, "PARTITION_NAMES", ["aws"])
