"""All that there is after a run, to be compared with what there is after a run that nobody killed."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bootstrap.aws.errors import AwsError
from bootstrap.config.load import load
from bootstrap.core.errors import TemporaryError
from bootstrap.terraform.stack import notes
from bootstrap.terraform.survivor import survivor
from tests.end_to_end.product import Product, processes
from tests.kills import cloud, cluster
from tests.kills.tree import SEEDS, parameter
from tests.platform.small_tree import PREFIX

REGION = "ap-northeast-2"
SETTLING = 120.0  # seconds that a cluster gets to remove what was replaced
# The Secrets in the cluster and the parameters that they are copies of.
COPIES = {"external-secrets/app/PASSWORD": "app/password", "shop/shop/PASSWORD": "shop/password"}


@dataclass(frozen=True)
class Picture:
    """After `up`: everything in AWS, in the cluster and in Terraform's state; each a sorted list of lines."""

    aws: tuple[str, ...]
    cluster: tuple[str, ...]
    state: tuple[str, ...]


@dataclass(frozen=True)
class Eye:
    """Looks at the platform of one product from outside."""

    product: Product
    kubectl: Path

    def look(self) -> cloud.Look:
        return cloud.Look(self.product.aws, REGION, self.product.credentials)

    def picture(self) -> Picture:
        look = self.look()
        objects = self._witness().objects()
        return Picture(
            tuple(cloud.picture(look)),
            tuple(cluster.picture(objects)),
            tuple(cloud.addresses(cloud.state(look))),
        )

    def settled(self) -> Picture:
        """The picture once it stays the same."""
        before, now = None, self.picture()
        end = time.monotonic() + SETTLING
        while now != before and time.monotonic() < end:
            time.sleep(2)
            before, now = now, self.picture()
        return now

    def secrets(self) -> dict[str, str] | None:
        """The generated parameters; None while AWS does not answer."""
        try:
            return cloud.secrets(self.look(), PREFIX)
        except (AwsError, TemporaryError, OSError, ValueError):
            return None

    def wrong_after_up(self, clean: Picture) -> list[str]:
        """What is not as in the clean run, once the cluster has come to rest."""
        end = time.monotonic() + SETTLING
        while True:
            try:
                wrong = self._differences(clean)
            except subprocess.CalledProcessError as error:
                wrong = [f"kubectl: {error.stderr[-300:]}"]
            if not wrong or time.monotonic() > end:
                return wrong
            time.sleep(2)

    def _differences(self, clean: Picture) -> list[str]:
        now, look = self.picture(), self.look()
        return [
            *differ("aws", clean.aws, now.aws),
            *differ("cluster", clean.cluster, now.cluster),
            *differ("state", clean.state, now.state),
            *(f"state: AWS has no {address}" for address in cloud.unknown(cloud.state(look), look)),
            *(f"no parameter {name}" for name in map(parameter, SEEDS) if name not in (self.secrets() or {})),
            *self._copies(),
            *self._locks(now.aws),
        ]

    def _copies(self) -> Iterator[str]:
        """The Secrets in the cluster hold what SSM holds."""
        brought, held = cluster.secret_values(self._witness().objects()), self.secrets() or {}
        for copy, seed in COPIES.items():
            if brought.get(copy) != held.get(parameter(seed)):
                yield f"Secret {copy} is not parameter {parameter(seed)}"

    def _locks(self, aws: Iterable[str]) -> Iterator[str]:
        config = load(self.product.clone / "bootstrap.yaml", "local", values=False)
        for line in aws:
            if line.startswith("s3 bucket") and ("tflock" in line or "run-lock" in line):
                yield f"lock left: {line}"
        if survivor(notes(config)):
            yield "a terraform is still at work"
        for file in self.product.state.rglob("errored.tfstate"):
            yield f"{file} was not uploaded"
        for file in (self.product.clone / ".bootstrap" / "locks").glob("*"):
            if file.read_text():
                yield f"{file} says {file.read_text().strip()}"

    def wrong_after_down(self, empty: tuple[str, ...], last: Path) -> list[str]:
        """What is left; `last` is the picture that was taken of AWS before it ended, if it lived so long."""
        wrong = []
        if last.exists():
            wrong += differ("aws", empty, tuple(json.loads(last.read_text())))
        if (self.product.state / "local").exists():
            wrong.append("the platform's folder is still there")
        wrong += [f"{file.name} is left" for file in self._traces()]
        wrong += [f"process {each.pid} is left: {_called(each)}" for each in processes(self.product)]
        return wrong

    def _traces(self) -> Iterator[Path]:
        if self.product.state.exists():
            yield from self.product.state.iterdir()

    def _witness(self) -> cluster.Witness:
        return cluster.Witness(self.kubectl, self.product.state / "kubeconfig")


def differ(what: str, wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """What is missing, and what is there too much: a duplicate counts as often as it is there."""
    before, after = Counter(wanted), Counter(there)
    missing = [f"{what}: missing: {line}" for line in (before - after).elements()]
    return missing + [f"{what}: too much: {line}" for line in (after - before).elements()]


def _called(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:120]
    except psutil.Error:
        return "ended just now"


@dataclass
class Memory:
    """The generated secrets seen so far. None may ever change or vanish while the environment lives.

    The simulated AWS writes itself down every few seconds. When it is killed itself, what is younger than
    that was never promised to last.
    """

    DURABLE = 30.0  # seconds after which it is certainly on disk

    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)

    def compare(self, now: Mapping[str, str], when: float) -> list[str]:
        """What was lost or changed since."""
        wrong = []
        for name, (value, _) in self._seen.items():
            if now.get(name) != value:
                wrong.append(f"parameter {name} was {'changed' if name in now else 'lost'}")
        for name, value in now.items():
            self._seen.setdefault(name, (value, when))
        return wrong

    def aws_died(self, when: float) -> None:
        old = {name: seen for name, seen in self._seen.items() if when - seen[1] > self.DURABLE}
        self._seen = old

    def forget(self) -> None:
        """`down` has begun: they go."""
        self._seen.clear()
