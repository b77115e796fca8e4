"""Who we are to AWS."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.aws.api import Api


@dataclass(frozen=True)
class Identity:
    account: str
    arn: str


def identity(sts: Api) -> Identity:
    """The caller. Raises TemporaryError or AwsError."""
    answer = sts.call("get_caller_identity")
    return Identity(answer["Account"], answer["Arn"])
