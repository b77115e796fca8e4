"""The S3 bucket that holds Terraform's state: made when missing, never taken over from somebody else.

Its settings are looked at first and set only where they differ, so a second run changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.aws.ssm import batches, pairs
from bootstrap.core.errors import PermanentError

LONGEST = 63  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
STATE = "terraform.tfstate"
LOCK = f"{STATE}.run-lock.json"
_LISTINGS = ("Versions", "DeleteMarkers")
_DELETE_AT_ONCE = 1000


def bucket_name(project: str, environment: str, account: str, purpose: str = "tfstate") -> str:
    """`<project>-<environment>-<purpose>-<account>`; one too long for S3 is cut and gets a hash. Pure."""
    name = f"{project}-{environment}-{purpose}-{account}".lower().replace("_", "-")
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(f"{project}/{environment}".encode()).hexdigest()[:8]
    tail = f"-{digest}-{purpose}-{account}"
    return name[: LONGEST - len(tail)].rstrip("-.") + tail


@dataclass(frozen=True)
class Found:
    """A bucket of our name that we may look into. `ours`: it carries all of our tags."""

    name: str
    ours: bool
    empty: bool


def find(api: Api, name: str, account: str, tags: Mapping[str, str]) -> Found | None:
    """The bucket, or None when there is none. Raises PermanentError when another account owns the name."""
    try:
        api.call("head_bucket", Bucket=name, ExpectedBucketOwner=account)
    except AwsError as error:
        if error.missing:
            return None
        if error.status in (301, 403):
            raise _foreign(
                name, "it belongs to another account, another region, or we may not read it"
            ) from error
        raise
    ours = tags.items() <= tags_of(api, name).items()
    versions = api.call("list_object_versions", Bucket=name, MaxKeys=1)
    return Found(name, ours, not (versions.get("Versions") or versions.get("DeleteMarkers")))


def foreign(found: Found) -> bool:
    """An empty, untagged bucket of our very name in our account is a run of ours that was cut short. Pure."""
    return not (found.ours or found.empty)


def bare(api: Api, name: str) -> bool:
    """Whether nothing has ever been in it but the run lock: whoever made it died soon after."""
    one = {"Bucket": name, "MaxKeys": 1}
    # Keys come in order: the first of all, and the first after the lock's many versions.
    pages = [api.call("list_object_versions", **one, **more) for more in ({}, {"KeyMarker": LOCK})]
    found = (item for page in pages for listing in _LISTINGS for item in page.get(listing) or ())
    return all(item["Key"] == LOCK for item in found)


def region(api: Api, name: str) -> str:
    """Where it is. The first region has no name there."""
    return api.call("get_bucket_location", Bucket=name).get("LocationConstraint") or "us-east-1"


def ensure(
    api: Api,
    name: str,
    account: str,
    region: str,
    tags: Mapping[str, str],
    *,
    what: str = "state bucket",
    first: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Create or complete the bucket; what was done, empty when nothing had to be. `what` it is, for messages.

    `first` are tags for as long as nothing is in it (one without a value is taken away).
    Raises PermanentError when the bucket is foreign.
    """
    found = find(api, name, account, tags)
    if found and foreign(found):
        raise _foreign(name, "it is not empty and does not carry the tags " + ", ".join(tags), what)
    done = []
    if not found:
        # us-east-1 is the one region that may not be named here.
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        api.call("create_bucket", Bucket=name, **place)
        done.append("created")
    # At once: whoever dies from here on leaves a bucket that is known as ours.
    present = tags_of(api, name)
    wanted = {**present, **tags, **(first if first and bare(api, name) else {})}
    if (wanted := {key: value for key, value in wanted.items() if value or key not in first}) != present:
        api.call("put_bucket_tagging", Bucket=name, Tagging={"TagSet": pairs(wanted)})
        done.append("bucket_tagging")
    for setting in _settings(name):
        if not covers(setting.current(api, name), setting.wanted):
            api.call(f"put_{setting.operation}", Bucket=name, **setting.argument)
            done.append(setting.operation)
    return tuple(done)


def covers(current: Any, wanted: Any) -> bool:
    """Whether `current` says what `wanted` does; AWS may add keys of its own. Pure."""
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(covers(current.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        same_length = isinstance(current, list) and len(current) == len(wanted)
        return same_length and all(map(covers, current, wanted))
    return bool(current == wanted)


def remove(api: Api, name: str) -> None:
    """Delete the bucket with every version of every object in it."""
    for listing in _LISTINGS:
        objects = api.pages("list_object_versions", listing, Bucket=name)
        for batch in batches(list(objects), _DELETE_AT_ONCE):
            doomed = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in batch]
            answer = api.call("delete_objects", Bucket=name, Delete={"Objects": doomed, "Quiet": True})
            if errors := answer.get("Errors"):
                first = errors[0]
                why = f"{first.get('Key')}: {first.get('Code')} {first.get('Message', '')}"
                raise PermanentError(
                    f"could not empty the bucket {name}", why, "allow s3:DeleteObjectVersion on it"
                )
    api.call("delete_bucket", Bucket=name)


@dataclass(frozen=True)
class _Setting:
    """One setting: the suffix of its get_ and put_ operations, the key of its answer, the value wanted."""

    operation: str
    key: str
    wanted: Any

    @property
    def argument(self) -> dict[str, Any]:
        return {self.key: json.dumps(self.wanted) if self.key == "Policy" else self.wanted}

    def current(self, api: Api, bucket: str) -> Any:
        try:
            answer = api.call(f"get_{self.operation}", Bucket=bucket)
        except AwsError as error:
            if error.missing:
                return None
            raise
        if self.key == "Policy":
            return json.loads(answer["Policy"])
        if self.key == "VersioningConfiguration":
            return {"Status": answer.get("Status")}
        return answer.get(self.key)


def _settings(bucket: str) -> tuple[_Setting, ...]:
    arn = f"arn:aws:s3:::{bucket}"
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return (
        _Setting("public_access_block", "PublicAccessBlockConfiguration", dict.fromkeys(closed, True)),
        _Setting("bucket_encryption", "ServerSideEncryptionConfiguration", {"Rules": [encrypted]}),
        _Setting("bucket_versioning", "VersioningConfiguration", {"Status": "Enabled"}),
        _Setting("bucket_policy", "Policy", {"Version": "2012-10-17", "Statement": [tls_only]}),
    )


def tags_of(api: Api, bucket: str) -> dict[str, str]:
    """None where it has none, or is gone."""
    try:
        tags = api.call("get_bucket_tagging", Bucket=bucket)["TagSet"]
    except AwsError as error:
        if error.missing:
            return {}
        raise
    return {tag["Key"]: tag["Value"] for tag in tags}


def _foreign(name: str, why: str, what: str = "state bucket") -> PermanentError:
    return PermanentError(
        f"the {what} {name} is not ours", why, "choose another `project` in the configuration"
    )
