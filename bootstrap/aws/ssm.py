"""SSM Parameter Store: read, write, list and delete below one prefix. Values stay in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from bootstrap.aws.api import Api

T = TypeVar("T")

BATCH = 10  # names in one GetParameters or DeleteParameters call
DESCRIBED = 50  # names in one filter of DescribeParameters


def read(api: Api, names: Iterable[str]) -> dict[str, str]:
    """Decrypted values of the parameters that exist."""
    found: dict[str, str] = {}
    for batch in batches(names, BATCH):
        answer = api.call("get_parameters", Names=list(batch), WithDecryption=True)
        found |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return found


@dataclass(frozen=True)
class Described:
    """A parameter without its value. `modified` is Unix seconds; `key` is empty for what is not encrypted."""

    version: int
    modified: float
    key: str


def describe(api: Api, names: Iterable[str]) -> dict[str, Described]:
    """Those of the parameters that exist."""
    found: dict[str, Described] = {}
    for batch in batches(names, DESCRIBED):
        filters = [{"Key": "Name", "Option": "Equals", "Values": list(batch)}]
        for item in api.pages("describe_parameters", "Parameters", ParameterFilters=filters):
            modified = item["LastModifiedDate"].timestamp()
            found[item["Name"]] = Described(item["Version"], modified, item.get("KeyId", ""))
    return found


def before(api: Api, name: str) -> str | None:
    """The latest value in the parameter's history that is not its value now, decrypted; None without one."""
    history = list(api.pages("get_parameter_history", "Parameters", Name=name, WithDecryption=True))
    values = [item["Value"] for item in sorted(history, key=lambda item: item["Version"])]
    return next((value for value in reversed(values) if value != values[-1]), None)


def tags(api: Api, name: str) -> dict[str, str]:
    """Tags of one parameter. Raises AwsError when it does not exist."""
    answer = api.call("list_tags_for_resource", ResourceType="Parameter", ResourceId=name)
    return {pair["Key"]: pair["Value"] for pair in answer["TagList"]}


def tag(api: Api, name: str, tags: Mapping[str, str]) -> None:
    api.call("add_tags_to_resource", ResourceType="Parameter", ResourceId=name, Tags=pairs(tags))


def create(api: Api, name: str, value: str, key_id: str, tags: Mapping[str, str]) -> None:
    """A new SecureString. Raises AwsError (ParameterAlreadyExists) when somebody else was faster."""
    api.call("put_parameter", Name=name, Value=value, Type="SecureString", KeyId=key_id, Tags=pairs(tags))


def update(api: Api, name: str, value: str, key_id: str, tags: Mapping[str, str]) -> None:
    """A new version of a SecureString. AWS does not take tags along with Overwrite, so they follow."""
    api.call("put_parameter", Name=name, Value=value, Type="SecureString", KeyId=key_id, Overwrite=True)
    tag(api, name, tags)


def untag(api: Api, name: str, keys: Iterable[str]) -> None:
    api.call("remove_tags_from_resource", ResourceType="Parameter", ResourceId=name, TagKeys=list(keys))


def names(api: Api, prefix: str = "", tags: Mapping[str, str] | None = None) -> set[str]:
    """Names of the parameters below `prefix` (all when empty) that carry all of `tags`."""
    filters = [
        {"Key": f"tag:{key}", "Option": "Equals", "Values": [value]} for key, value in (tags or {}).items()
    ]
    if prefix:
        filters.append({"Key": "Path", "Option": "Recursive", "Values": [prefix]})
    return {item["Name"] for item in api.pages("describe_parameters", "Parameters", ParameterFilters=filters)}


def delete(api: Api, names: Iterable[str]) -> None:
    """Delete; names that do not exist are passed over."""
    for batch in batches(sorted(names), BATCH):
        api.call("delete_parameters", Names=list(batch))


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in AWS's form."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive runs of at most `size` items."""
    iterator = iter(items)
    while batch := tuple(islice(iterator, size)):
        yield batch
