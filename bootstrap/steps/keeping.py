"""What is to outlive the environment, and why. Pure."""

from __future__ import annotations

from bootstrap.aws.inventory import Found
from bootstrap.aws.state_bucket import bucket_name
from bootstrap.config.model import KEEP, Environment

BACKUPS = "backups"  # purpose of the bucket, in its name
STATE = "Terraform's state and the run lock lie in it; the next `up` uses it"


def reason(found: Found, config: Environment, *, state_bucket: str = "", account: str = "") -> str:
    """Why a resource is kept; empty when it goes. `state_bucket` is the one that stays, if it does."""
    kind, which, policy = found.resource.kind, found.resource.id, config.teardown
    if kind == "s3 bucket" and which == state_bucket:
        return STATE
    if kind == "s3 bucket" and which == bucket_name(config.project, config.name, account, BACKUPS):
        return "teardown.backups is keep" if policy.backups == KEEP else ""
    if kind == "ec2 volume":
        return "teardown.volumes is keep" if policy.volumes == KEEP else ""
    if kind == "route53 zone":
        return "teardown.zones is keep" if policy.zones == KEEP else ""
    if kind == "ssm parameter" and which in seeds(config):
        return "teardown.secrets is keep" if policy.secrets == KEEP else ""
    return ""


def seeds(config: Environment) -> frozenset[str]:
    """Full names of the seeded parameters."""
    return frozenset(f"{config.ssm_prefix}/{seed.name}" for seed in config.seeds)
