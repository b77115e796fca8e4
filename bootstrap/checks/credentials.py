"""Checks of AWS credentials: whether they work, and for which account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bootstrap.checks.model import Check, Probe


def credentials(client: Callable[[str], Any], account: str | None, profile: str | None = None) -> Probe:
    """AWS knows us, and as the account the configuration names. `client(service)` makes a boto3 client."""

    def look() -> Check:
        who = "AWS profile " + profile if profile else "AWS credentials"
        sign_in = f"aws sso login{f' --profile {profile}' if profile else ''} (or renew the access keys)"
        try:
            identity = client("sts").get_caller_identity()
        except Exception as error:  # boto3 raises many kinds; all mean the same here
            return Check("aws credentials", False, f"{who} do not work: {error}", sign_in)
        return judge_account(identity["Account"], identity["Arn"], account)

    return Probe("aws credentials", look)


def judge_account(actual: str, arn: str, wanted: str | None) -> Check:
    if wanted and actual != wanted:
        detail = f"signed in to account {actual} as {arn}, the configuration names {wanted}"
        return Check("aws account", False, detail, f"use credentials of account {wanted}")
    return Check("aws account", True, f"{actual} as {arn}")
