"""What Terraform's state knows, read off the object itself: before Terraform may even be there."""

from __future__ import annotations

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.core.errors import PermanentError
from bootstrap.core.foreign import parse_json
from bootstrap.core.limits import JSON_BYTES


def known_ids(s3: Api, bucket: str, key: str) -> frozenset[str]:
    """The ids of all resources in the state; none when there is no state yet."""
    try:
        body = s3.call("get_object", Bucket=bucket, Key=key)["Body"].read(JSON_BYTES + 1)
    except AwsError as error:
        if error.missing:
            return frozenset()
        raise
    return ids(body)


def ids(state: bytes) -> frozenset[str]:
    """Of a state in format 4. Pure. Raises PermanentError for what is none."""
    try:
        return frozenset(
            str(instance["attributes"]["id"])
            for resource in parse_json(state).get("resources", ())
            for instance in resource.get("instances", ())
            if (instance.get("attributes") or {}).get("id")
        )
    except (ValueError, TypeError, AttributeError) as error:
        what, cure = "Terraform's state cannot be read", "restore an earlier version of the object in S3"
        raise PermanentError(what, str(error), cure) from error
