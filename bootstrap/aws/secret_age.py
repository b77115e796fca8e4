"""How old generated secrets are, and which are older than their policy wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.config.model import Environment
from bootstrap.core import duration

MADE = "bootstrap:made-at"  # a tag: SSM's own date moves when a value is only encrypted anew


@dataclass(frozen=True)
class Due:
    """A seed whose value is older than `rotate_after`. `age` in seconds."""

    name: str
    age: float
    rotate_after: str

    def __str__(self) -> str:
        return f"{self.name} is {self.age / 86400:.0f} days old, to be rotated after {self.rotate_after}"


def due(api: Api, config: Environment, now: float) -> tuple[Due, ...]:
    """The generated seeds whose time is over. `api` is SSM. Raises TemporaryError or AwsError."""
    policies = {
        f"{config.ssm_prefix}/{seed.name}": (seed.name, seed.generate.rotate_after)
        for seed in config.seeds
        if seed.generate and seed.generate.rotate_after
    }
    found = []
    for full, described in sorted(ssm.describe(api, policies).items()):
        name, after = policies[full]
        age = now - _made(ssm.tags(api, full).get(MADE, ""), described)
        if age > duration.parse(after):
            found.append(Due(name, age, after))
    return tuple(found)


def _made(tag: str, described: ssm.Described) -> float:
    """Unix seconds. Without a tag that can be read it is SSM's own date."""
    try:
        return datetime.fromisoformat(tag).timestamp()
    except ValueError:
        return described.modified
