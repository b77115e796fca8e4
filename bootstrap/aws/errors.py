"""The one boundary where AWS's errors become ours. Nothing above `Api` sees a botocore exception.

    TemporaryError
    └── AwsBusy          network, HTTP 5xx, a conflict that passes: the same call may succeed later
        └── Throttled    AWS asks us to slow down
    PermanentError
    └── AwsError         refused for good; `code` and `status` let callers tell "not found" from the rest

`tests/unit/aws/test_errors.py` proves that no exception of botocore is missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore import exceptions as botocore
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from bootstrap.core.errors import BootstrapError, PermanentError, TemporaryError

# The union of what botocore's own retry modes regard as throttling (botocore/retries/standard.py and
# botocore/data/_retry.json), plus SSM's.
THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
        "TransactionInProgressException",
    }
)
TRANSIENT = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "Unavailable",
        # Seen from IAM, KMS and EC2 right after something was made: not visible everywhere yet.
        "ConcurrentModification",
        "ConcurrentModificationException",
        "DependencyTimeoutException",
    }
)
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "ExpiredTokenError"}
)
BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotSignedUp",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "Forbidden",
        "UnauthorizedOperation",
    }
)
SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})

_NETWORK: tuple[type[BotoCoreError], ...] = (
    botocore.ConnectionError,
    botocore.HTTPClientError,
    botocore.IncompleteReadError,
    botocore.ResponseStreamingError,
    botocore.ChecksumError,
    botocore.FlexibleChecksumError,
    botocore.CapacityNotAvailableError,
)
_CREDENTIALS: tuple[type[BotoCoreError], ...] = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.MetadataRetrievalError,
    botocore.ProfileNotFound,
    botocore.RefreshWithMFAUnsupportedError,
    botocore.NoAuthTokenError,
    botocore.TokenRetrievalError,
    botocore.SSOError,
    botocore.UnauthorizedSSOTokenError,
)

CURE_CREDENTIALS = "log in again (aws sso login, or new keys), check with: aws sts get-caller-identity"
CURE_NETWORK = "check the network and any proxy, then run the same command again"
CURE_VALUES = "check the values in the configuration file that this call uses"
CURE_RETRY = "run the same command again in a minute"


class AwsBusy(TemporaryError):
    """AWS could not answer now."""

    def __init__(
        self, what: str, why: str, cure: str = CURE_RETRY, delay: float = 0.0, code: str = ""
    ) -> None:
        super().__init__(what, why, cure, delay)
        self.code = code


class Throttled(AwsBusy):
    """Too many calls; `delay` (seconds) when AWS named one."""


class AwsError(PermanentError):
    """AWS refused. `code` is AWS's own, `status` the HTTP status (0 when there was no answer)."""

    def __init__(self, what: str, why: str, cure: str, code: str = "", status: int = 0) -> None:
        super().__init__(what, why, cure)
        self.code, self.status = code, status

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.status == 404 or "NotFound" in self.code or self.code.startswith("NoSuch")


def translate(error: Exception, what: str, action: str = "", secrets: Sequence[str] = ()) -> BootstrapError:
    """Temporary for throttling, HTTP 5xx and the network; permanent with a cure for everything else. Pure.

    `what` failed in the user's words, `action` is IAM's name of the call (ssm:PutParameter). AWS and botocore
    echo offending values in their messages: none of `secrets` gets through.
    """
    if isinstance(error, ClientError):
        return _answered(error, what, action, secrets)
    why = _redacted(str(error), secrets, echoes=isinstance(error, botocore.ParamValidationError))
    if isinstance(error, botocore.SSLError):
        cure = "point AWS_CA_BUNDLE at the certificates of your proxy, or fix the clock of this machine"
        return AwsError(what, why, cure)
    if isinstance(error, _NETWORK):
        return AwsBusy(what, why, CURE_NETWORK)
    if isinstance(error, _CREDENTIALS):
        return AwsError(what, why, CURE_CREDENTIALS)
    if isinstance(error, botocore.NoRegionError | botocore.InvalidRegionError):
        return AwsError(what, why, "set `region` of the environment in the configuration file")
    # An answer that cannot be read is not AWS's, or is that of one who does not know the call.
    return AwsError(what, why, CURE_NETWORK if isinstance(error, ResponseParserError) else CURE_VALUES)


def _answered(error: ClientError, what: str, action: str, secrets: Sequence[str]) -> BootstrapError:
    detail: Mapping[str, Any] = error.response.get("Error", {})
    answer: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    code, status = str(detail.get("Code", "")), int(answer.get("HTTPStatusCode") or 0)
    message = _redacted(str(detail.get("Message", "")), secrets, echoes="Validation" in code)
    why = ": ".join(part for part in (code, message) if part)
    if code in THROTTLING or status == 429:
        return Throttled(what, why, delay=_retry_after(answer), code=code)
    if code in TRANSIENT or status >= 500:
        return AwsBusy(what, why, delay=_retry_after(answer), code=code)
    return AwsError(what, why, _cure(code, status, action), code, status)


def _redacted(message: str, secrets: Sequence[str], *, echoes: bool) -> str:
    """A validation message `echoes` its input, perhaps cut or escaped: beside secrets it is dropped whole."""
    if secrets and echoes:
        return "a value is not valid (the message is withheld, it repeats the value)"
    for secret in secrets:
        message = message.replace(secret, "***")
    return message


def _cure(code: str, status: int, action: str) -> str:
    if code in EXPIRED | BAD_CREDENTIALS:
        return CURE_CREDENTIALS
    if code in SKEWED:
        return "set the clock of this machine (the answer depends on it), then run the same command again"
    if code in DENIED or status in (401, 403):
        allow = f"allow {action} to" if action else "give this permission to"
        return f"{allow} the identity shown by: aws sts get-caller-identity"
    if "LimitExceeded" in code or "QuotaExceeded" in code:
        return "ask for a higher quota: https://console.aws.amazon.com/servicequotas/"
    return CURE_VALUES


def _retry_after(answer: Mapping[str, Any]) -> float:
    with suppress(TypeError, ValueError):
        return max(0.0, float(answer.get("HTTPHeaders", {}).get("retry-after", 0)))
    return 0.0
