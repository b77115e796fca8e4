"""Whether the caller may do what `up` does, by asking IAM to simulate it.

The simulation knows the identity's policies and permission boundaries, not all of an organisation's and a
resource's: what it denies is denied, what it allows is only likely to be.
"""

from __future__ import annotations

import re

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError

# One for each kind of thing that the stack, the seeds and the state bucket make.
ACTIONS = (
    *("ec2:RunInstances", "ec2:CreateVpc", "ec2:CreateSubnet", "ec2:CreateSecurityGroup", "ec2:CreateTags"),
    *("ec2:AuthorizeSecurityGroupIngress", "ec2:CreateInternetGateway", "ec2:CreateRouteTable"),
    *("ec2:AllocateAddress", "ec2:AssociateAddress", "ec2:TerminateInstances", "ec2:DeleteVpc"),
    *("iam:CreateRole", "iam:PassRole", "iam:CreatePolicy", "iam:AttachRolePolicy", "iam:PutRolePolicy"),
    *("iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile", "iam:TagRole"),
    *("kms:CreateKey", "kms:CreateAlias", "kms:Encrypt", "kms:TagResource"),
    *("ssm:PutParameter", "ssm:GetParameters", "ssm:AddTagsToResource", "acm:RequestCertificate"),
    *("s3:CreateBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
    *("s3:PutBucketPolicy", "s3:PutBucketVersioning"),
)

_ASSUMED = re.compile(r"arn:(aws[\w-]*):sts::(\d{12}):assumed-role/([^/]+)/.+")


def denied(iam: Api, arn: str) -> tuple[str, ...]:
    """The actions that the caller with that ARN may not take. Raises BootstrapError when nobody can tell."""
    if arn.endswith(":root"):
        return ()
    answers = iam.pages(
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=principal(iam, arn),
        ActionNames=list(ACTIONS),
    )
    return tuple(item["EvalActionName"] for item in answers if item["EvalDecision"] != "allowed")


def principal(iam: Api, arn: str) -> str:
    """The role behind a session: its ARN has a path that the session's has not."""
    session = _ASSUMED.fullmatch(arn)
    if not session:
        return arn
    partition, account, name = session.groups()
    try:
        return str(iam.call("get_role", RoleName=name)["Role"]["Arn"])
    except AwsError:
        return f"arn:{partition}:iam::{account}:role/{name}"
