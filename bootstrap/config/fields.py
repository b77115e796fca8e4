"""The types of the values in bootstrap.yaml: what pydantic accepts, and what the JSON schema says of it.

Values arrive as `Text`, as they were written; each type decides what they mean. A value that is refused is
refused with a cure (`refuse`). Nothing here reads a file; `FilePath` looks up home folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bootstrap.core import duration

MINUTE, HOUR = 60, 3600  # seconds
AZS = 3  # the stack spreads over three availability zones, with a public and a private subnet in each
VPC_SIZES = (16, 28)  # shortest and longest prefix that AWS allows for a VPC

_LONGEST_PATH, _LONGEST_NAME = 4095, 255  # bytes: PATH_MAX and NAME_MAX of Linux


class Text(str):
    """A scalar as it was written; `plain` is what YAML takes it for (text, number, truth)."""

    __slots__ = ("plain",)
    plain: Any

    @classmethod
    def of(cls, text: str, plain: Any) -> Text:
        made = cls(text)
        made.plain = plain
        return made


def refuse(what: str, cure: str) -> PydanticCustomError:
    """The error of a value: `what` follows the key in the message."""
    return PydanticCustomError("value", "{what}", {"what": what, "cure": cure})


@dataclass(frozen=True)
class Matches:
    """Text that matches the pattern as a whole; `form` says in words what is expected, with an example.

    The pattern is read by Python and, in the schema, by JavaScript: keep to what both know.
    """

    pattern: str
    form: str
    examples: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        examples = {"examples": list(self.examples)} if self.examples else {}
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", **examples}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise refuse(f"'{shown(text)}' is not valid", f"write {self.form}")
        return text


@dataclass(frozen=True)
class OneOf:
    """One of a few words. (`Literal` would make every reader's `str` a Literal, too.)"""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.words))


def shown(text: str) -> str:
    """A value for a message: not longer than a line."""
    return text if len(text) <= 80 else f"{text[:79]}…"


def _cidr(shortest: int, longest: int, sizes: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            block = IPv4Network(text)
        except ValueError:
            raise refuse(f"'{shown(text)}' is not a CIDR block", _block_meant(text)) from None
        if not shortest <= block.prefixlen <= longest:
            length = min(max(block.prefixlen, shortest), longest)
            fitting = IPv4Network((block.network_address, length), strict=False)
            raise refuse(f"'{text}' is not {sizes}", f"write {sizes}, such as {fitting}")
        return text

    return check


def _block_meant(text: str) -> str:
    """Host bits are the usual mistake: name the block that was meant."""
    try:
        return f"did you mean {IPv4Network(text, strict=False)}?" if "/" in text else "add its length: …/20"
    except ValueError:
        return "write it like 10.0.0.0/16"


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return duration.seconds(value)
    except ValueError as error:
        raise refuse(
            str(error).partition(":")[0], "write seconds, or a duration such as 30s, 5m or 8h"
        ) from None


def _span(least: int, example: str, *, optional: bool = False) -> Callable[[str], str]:
    """A duration that stays text, with its unit; empty stands for none where it is `optional`."""

    def check(text: str) -> str:
        if optional and not text:
            return text
        try:
            seconds = duration.seconds(text)
        except ValueError as error:
            raise refuse(str(error).partition(":")[0], f"write a duration such as {example}") from None
        if seconds < least:
            raise refuse(
                f"'{text}' is {seconds:g} seconds, at least {least} are needed", f"write it like {example}"
            )
        return f"{seconds:.0f}s" if text[-1].isdigit() else text

    return check


def _path(value: object, info: ValidationInfo) -> object:
    """Relative paths start from the folder in the context."""
    if not isinstance(value, str):
        return value
    try:
        return Path(info.context or ".") / Path(_short(value)).expanduser()
    except RuntimeError:
        user = value.partition("/")[0]
        raise refuse(
            f"names a home folder that does not exist: {shown(user)}", "write the path in full"
        ) from None


def _short(text: str) -> str:
    """A path that every file system can look up."""
    raw = os.fsencode(text)
    if len(raw) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in raw.split(b"/")):
        raise refuse(f"is longer than a path can be ({len(raw)} bytes)", "write a shorter path")
    return text


def _plain(value: object) -> object:
    """Free-form data as YAML reads it, as far as JSON can carry it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Text):
        return value
    plain = value.plain
    finite = not isinstance(plain, float) or isfinite(plain)
    return plain if isinstance(plain, str | int | float) and finite else str(value)


def _unknown(_: object) -> object:
    raise PydanticCustomError("extra_forbidden", "not a key of the file")


def _schema(kind: str | list[str], examples: list[Any], **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more, "examples": examples})


def _duration(examples: list[Any], *, optional: bool = False, **least: int) -> WithJsonSchema:
    pattern = f"^(?:[0-9]+[smhdSMHD]){'*' if optional else '+'}$"
    return _schema(["number", "string"], examples, pattern=pattern, **least)


Name = Annotated[
    str,
    Matches(
        "[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?",
        "lower-case letters, digits and '-', at most 40, beginning with a letter",
        ("eco2",),
    ),
]
NodeName = Annotated[
    str,
    Matches(
        "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
        "lower-case letters, digits and '-', at most 40",
        ("api-auth",),
    ),
]
InstanceType = Annotated[
    str, Matches(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type such as t3.large", ("t3.large",))
]
Region = Annotated[
    str, Matches("[a-z]{2}(?:-[a-z]+)+-[0-9]", "an AWS region such as ap-northeast-2", ("ap-northeast-2",))
]
Account = Annotated[str, Matches("[0-9]{12}", "an AWS account id of 12 digits, in quotes", ("123456789012",))]
Domain = Annotated[
    str,
    Matches(
        r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "a DNS name such as dev.example.com",
        ("dev.example.com",),
    ),
]
ZoneId = Annotated[
    str, Matches("Z[A-Z0-9]{6,31}", "a Route 53 zone id such as Z0123456789ABC", ("Z0123456789ABC",))
]
Version = Annotated[
    str,
    Matches(r"1\.[0-9]{1,2}(?:\.[0-9]{1,2})?", "a Kubernetes version such as 1.37", ("1.37",)),
    Field(json_schema_extra={"type": ["string", "number"]}),
]
# Label keys and values: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
LabelKey = Annotated[
    str,
    Matches(
        "(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?",
        "a key of a Kubernetes label: letters, digits, '-', '_' and '.', at most 63",
    ),
]
LabelValue = Annotated[
    str,
    Matches(
        "(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?",
        "letters, digits, '-', '_' and '.', at most 63, beginning and ending with a letter or digit",
    ),
    Field(json_schema_extra={"type": ["string", "number", "boolean"]}),
]
SsmPath = Annotated[
    str, Field(json_schema_extra={"pattern": "^(?:/[A-Za-z0-9_.-]+)+$", "examples": ["/eco2/dev"]})
]
RepositoryUrl = Annotated[
    str,
    Matches("[^-].*", "a URL of Git", ("https://git.example.com/eco2/platform.git",)),
]

VpcCidr = Annotated[
    str,
    AfterValidator(_cidr(*VPC_SIZES, "a block between /16 and /28")),
    _schema("string", ["10.0.0.0/16"], pattern=r"^[0-9.]+/(?:1[6-9]|2[0-8])$"),
]
SubnetCidr = Annotated[
    str,
    AfterValidator(_cidr(0, VPC_SIZES[1], "a block of /28 or larger")),
    _schema("string", ["10.0.0.0/20"], pattern=r"^[0-9.]+/[0-9]{1,2}$"),
]
Subnets = Annotated[tuple[SubnetCidr, ...], Field(min_length=AZS, max_length=AZS)]

Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0), _duration([300, "5m"], exclusiveMinimum=0)]
SecondsOrNone = Annotated[float, BeforeValidator(_seconds), Field(ge=0), _duration([5, "30s"], minimum=0)]
Span = Annotated[str, AfterValidator(_span(MINUTE, "8h")), _duration(["8h"], minimum=MINUTE)]
SpanOrNone = Annotated[
    str,
    AfterValidator(_span(MINUTE, "8h", optional=True)),
    _duration(["8h"], optional=True, minimum=MINUTE),
]
RotateAfter = Annotated[
    str, AfterValidator(_span(HOUR, "90d", optional=True)), _duration(["90d"], optional=True, minimum=HOUR)
]
Wave = Annotated[
    int, Field(ge=-(2**31), le=2**31 - 1), WithJsonSchema({"type": "string", "pattern": "^-?[0-9]+$"})
]
Zone = Annotated[int, Field(ge=0, le=AZS - 1)]

FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
FolderName = Annotated[str, AfterValidator(_short)]
Anything = Annotated[object, BeforeValidator(_plain)]
NotInFile = Annotated[str, BeforeValidator(_unknown)]
