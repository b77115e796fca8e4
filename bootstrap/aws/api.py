"""The door to AWS: every call of ours goes through `Api`, so each error is translated and no value leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from bootstrap.aws.errors import translate
from bootstrap.core.errors import BootstrapError

# Parameters that name what a call is about, for messages.
_SUBJECTS = ("Name", "Bucket", "Path", "ResourceId", "RoleName", "Id", "InstanceIds")
# Parameters that hold what must never be shown.
_SECRETS = ("Value",)


@dataclass(frozen=True)
class Signer:
    """What requests are signed with: `known` unless there is nothing, or nothing that we can see; `refreshed`
    when botocore renews it by itself. The token is a secret, and is only ever compared."""

    known: bool
    refreshed: bool
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Api:
    """A boto3 client whose errors are ours (see `errors.py`). `owner`: the account that every bucket has to
    belong to; names of buckets are anybody's to take."""

    client: Any
    owner: str = ""

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call by its Python name, e.g. `put_parameter`. Raises TemporaryError or AwsError."""
        try:
            answer: dict[str, Any] = getattr(self.client, operation)(**self._owned(operation, parameters))
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise self._ours(error, operation, parameters) from self._cause(error, parameters)
        return answer

    def pages(self, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Every item of `key`, over all pages where the call has pages. Raises like `call`."""
        if not self.client.can_paginate(operation):
            yield from self.call(operation, **parameters).get(key) or ()
            return
        try:
            found = self.client.get_paginator(operation).paginate(**self._owned(operation, parameters))
            for page in found:
                yield from page.get(key) or ()
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise self._ours(error, operation, parameters) from error

    def _owned(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.owner and "Bucket" in parameters and operation != "create_bucket":
            return {"ExpectedBucketOwner": self.owner, **parameters}
        return parameters

    def signer(self) -> Signer:
        """The credentials of the client, which boto3 keeps nowhere public. Asks nobody."""
        found = getattr(getattr(self.client, "_request_signer", None), "_credentials", None)
        if found is None or isinstance(found, RefreshableCredentials):
            return Signer(found is not None, refreshed=True)
        return Signer(True, refreshed=False, token=found.token or "")

    def _ours(self, error: Exception, operation: str, parameters: Mapping[str, Any]) -> BootstrapError:
        action = self._action(operation)
        subject = next((parameters[name] for name in _SUBJECTS if name in parameters), "")
        secrets = [str(parameters[name]) for name in _SECRETS if parameters.get(name)]
        return translate(error, f"{action} failed{f' for {subject}' if subject else ''}", action, secrets)

    def _cause(self, error: Exception, parameters: Mapping[str, Any]) -> Exception | None:
        """A traceback prints the cause too: none where it could hold a secret."""
        return None if any(name in parameters for name in _SECRETS) else error

    def _action(self, operation: str) -> str:
        """IAM's name of the call, e.g. ssm:PutParameter."""
        meta = self.client.meta
        name = meta.method_to_api_mapping.get(operation, operation)
        return f"{meta.service_model.signing_name}:{name}"
