"""What is to outlive the environment, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bootstrap.aws.inventory import Found
from bootstrap.aws.state_bucket import bucket_name
from bootstrap.config.model import KEEP, Environment, Teardown
from bootstrap.recovery.vault import PURPOSE

BACKUPS = PURPOSE
STATE = "Terraform's state and the run lock lie in it; the next `up` uses it"


@dataclass(frozen=True)
class Policy:
    """`keep` names fields of `Teardown`; `secrets` are full names of parameters; both buckets are names,
    that of the state only where it stays."""

    keep: Collection[str]
    secrets: Collection[str]
    backups_bucket: str
    state_bucket: str = ""

    def reason(self, found: Found) -> str:
        """Why a resource of ours is kept; empty when it goes."""
        if not found.proof.ours:
            return ""
        kind, which = found.resource.kind, found.resource.id
        if kind == "s3 bucket" and which == self.state_bucket:
            return STATE
        concern = self._concern(kind, which)
        return f"teardown.{concern} is keep" if concern in self.keep else ""

    def goes(self, found: Found, *later: str) -> bool:
        """Only what is proved to be ours, and is not kept; `later` are ids that go after everything else."""
        return found.proof.ours and not self.reason(found) and found.resource.id not in later

    def _concern(self, kind: str, which: str) -> str:
        if kind == "s3 bucket" and which == self.backups_bucket:
            return "backups"
        if kind == "ssm parameter" and which in self.secrets:
            return "secrets"
        return {"ec2 volume": "volumes", "route53 zone": "zones"}.get(kind, "")


def kept(teardown: Teardown) -> tuple[str, ...]:
    """The fields that say keep."""
    concerns = ("secrets", "volumes", "backups", "zones")
    return tuple(concern for concern in concerns if getattr(teardown, concern) == KEEP)


def policy(config: Environment, account: str, state_bucket: str = "") -> Policy:
    backups = bucket_name(config.project, config.name, account, BACKUPS)
    return Policy(kept(config.teardown), secrets(config.ssm_prefix, _seeds(config)), backups, state_bucket)


def secrets(prefix: str, seeds: Iterable[str]) -> frozenset[str]:
    """Full names of seeded parameters."""
    return frozenset(f"{prefix}/{seed}" for seed in seeds)


def seeds(config: Environment) -> frozenset[str]:
    return secrets(config.ssm_prefix, _seeds(config))


def _seeds(config: Environment) -> tuple[str, ...]:
    return tuple(seed.name for seed in config.seeds)
