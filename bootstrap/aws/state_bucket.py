"""The S3 bucket that holds Terraform's state: made when missing, never taken over from somebody else.

Its settings are looked at first and set only where they differ, so a second run changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
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
    api = replace(api, owner=account)
    try:
        api.call("head_bucket", Bucket=name)
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

    What its owner has hardened stays: settings are only ever tightened.
    `first` are tags for as long as nothing is in it (one without a value is taken away).
    Raises PermanentError when the bucket is foreign.
    """
    found, api = find(api, name, account, tags), replace(api, owner=account)
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
        current = setting.current(api, name)
        if (tight := setting.tightened(current)) != current:
            value = json.dumps(tight) if setting.key == "Policy" else tight
            api.call(f"put_{setting.operation}", Bucket=name, **{setting.key: value})
            done.append(setting.operation)
    return tuple(done)


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
    """One setting: the suffix of its get_ and put_ operations, the key of its answer, and what it is to be
    for what it is; pure."""

    operation: str
    key: str
    tightened: Callable[[Any], Any]

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
            return {key: answer[key] for key in ("Status", "MFADelete") if key in answer}
        return answer.get(self.key)


def _settings(bucket: str) -> tuple[_Setting, ...]:
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return (
        _Setting("public_access_block", "PublicAccessBlockConfiguration", _with(dict.fromkeys(closed, True))),
        _Setting("bucket_encryption", "ServerSideEncryptionConfiguration", _encrypted),
        _Setting("bucket_versioning", "VersioningConfiguration", _with({"Status": "Enabled"})),
        _Setting("bucket_policy", "Policy", partial(_denying, _tls_only(bucket))),
    )


def _with(wanted: Mapping[str, Any]) -> Callable[[Any], Any]:
    return lambda current: {**(current or {}), **wanted}


def _encrypted(current: Any) -> Any:
    """Any encryption by default is good enough: SSE-KMS is a choice of the owner's."""
    rules = (current or {}).get("Rules") or ()
    if any((rule.get("ApplyServerSideEncryptionByDefault") or {}).get("SSEAlgorithm") for rule in rules):
        return current
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


def _tls_only(bucket: str) -> dict[str, Any]:
    arn = f"arn:aws:s3:::{bucket}"
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _denying(ours: Mapping[str, Any], current: Any) -> Any:
    """The policy with all of its own statements, and ours if none of them says the same."""
    policy = current or {"Version": "2012-10-17"}
    there = policy.get("Statement") or []
    statements = there if isinstance(there, list) else [there]
    if any(_same(statement, ours) for statement in statements):
        return current
    named = {statement.get("Sid") for statement in statements}
    sids = (ours["Sid"], *(f"{ours['Sid']}{number}" for number in range(2, len(named) + 3)))
    free = next(sid for sid in sids if sid not in named)
    return {**policy, "Statement": [*statements, {**ours, "Sid": free}]}


def _same(statement: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether it denies the same, whatever it is called."""
    return all(
        _words(statement.get(key)) == _words(wanted.get(key)) for key in {*statement, *wanted} - {"Sid"}
    )


def _words(value: Any) -> Any:
    """AWS takes one word for a list of one, and `*` for any principal of AWS."""
    if isinstance(value, Mapping):
        anybody = value.keys() == {"AWS"} and _words(value["AWS"]) == ["*"]
        return ["*"] if anybody else {key: _words(each) for key, each in value.items()}
    return sorted(map(str, value)) if isinstance(value, list) else [str(value)]


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
