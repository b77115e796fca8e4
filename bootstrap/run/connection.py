"""How steps and commands come to AWS: one Api a service."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.run.target import Target


def connection(target: Target) -> Callable[[str], Api]:
    """`connect(service)`. Of S3 only buckets of the caller's own account are seen, whoever takes a name."""

    @cache
    def connect(service: str) -> Api:
        owner = identity(connect("sts")).account if service == "s3" else ""
        return Api(target.client(service), owner)

    return connect
