"""A Deny statement denies nothing unless its Condition is met.

moto does not know the operator `Bool`, and denies whenever a condition is not met, whatever the effect: a
bucket that refuses requests without TLS refuses all. With this patch all requests count as made over TLS,
although loopback traffic is not encrypted.
"""

from __future__ import annotations

from typing import Any

from moto.iam import policy_conditions
from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from bootstrap.local.aws.patches import Setter

_REQUEST = {"aws:SecureTransport": "true"}


def apply(patch: Setter) -> None:
    operations = {**policy_conditions.CONDITION_OPERATIONS, "Bool": policy_conditions.string_equals_operation}
    patch(policy_conditions, "CONDITION_OPERATIONS", operations)
    patch(IAMPolicyStatement, "is_action_permitted", _if_met(IAMPolicyStatement.is_action_permitted))


def _if_met(original: Any) -> Any:
    def is_action_permitted(self: Any, *arguments: Any, **options: Any) -> PermissionResult:
        if self._statement["Effect"] == "Deny" and not self._check_conditions(_REQUEST):
            return PermissionResult.NEUTRAL
        result: PermissionResult = original(self, *arguments, **options)
        return result

    return is_action_permitted
