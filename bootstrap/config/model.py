"""The configuration as frozen data. `load.py` reads and checks it; nothing here does I/O.

Durations are seconds, sizes are GiB unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Taint:
    key: str
    value: str
    effect: str = "NoSchedule"


@dataclass(frozen=True)
class Fallback:
    """Where a machine may go when EC2 has no room for it; `zones` are indexes of the subnets, 0 to 2."""

    instance_types: tuple[str, ...] = ()
    zones: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """One machine of the role map."""

    name: str
    role: str  # control-plane or worker
    instance_type: str
    volume_gb: int
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    subnet: str = "public"  # public or private
    zone: int | None = None  # index of its subnet, 0 to 2; by default spread by a hash of the name
    fallback: Fallback = field(default_factory=Fallback)


@dataclass(frozen=True)
class Network:
    vpc_cidr: str
    public_subnets: tuple[str, ...]
    private_subnets: tuple[str, ...]


@dataclass(frozen=True)
class TerraformConfig:
    """`folder` is copied as a whole before it is used; `stack` is the root module inside it.

    `orphans`: what is done with resources that an earlier run made and could not write into the state any
    more: import, remove (and make anew), or refuse. `capacity_patience`: for how many seconds EC2 may say
    that it has no room for a machine before it is taken at its word.
    """

    folder: Path
    stack: str = "dev"
    parallelism: int = 10
    variables: Mapping[str, object] = field(default_factory=dict)
    orphans: str = "import"
    capacity_patience: float = 30.0


@dataclass(frozen=True)
class Gitops:
    """The GitOps repository as the cluster sees it, and where its checkout lies on this machine."""

    checkout: Path  # a folder inside a Git work tree
    repo_url: str
    path: str  # folder of the Applications, relative to the repository's root
    install: Path  # kustomization that installs Argo CD
    revision: str = "main"
    root_app: str = "root"
    project: str = "platform"  # AppProject of the root app
    namespace: str = "argocd"


@dataclass(frozen=True)
class Generate:
    """How to make a password (see aws/passwords.py): its length in characters, its alphabet without the
    characters in `exclude`, and the classes (lower, upper, digit, symbol) that it has to `require`; without
    any, every class of its alphabet. `rotate_after`, such as 90d: then it is named as due, and never changed
    unasked.
    """

    length: int = 32
    alphabet: str = "alphanumeric"  # alphanumeric, hex, url-safe, symbols
    exclude: str = ""
    require: tuple[str, ...] = ()
    rotate_after: str = ""


@dataclass(frozen=True)
class Seed:
    """One SSM parameter below the prefix and exactly one source for its value."""

    name: str
    generate: Generate | None = None
    from_env: str | None = None
    from_file: Path | None = None
    from_output: str | None = None  # a Terraform output, dots go into maps
    template: str | None = None  # text with {output.name} and {seed:name} holes
    where: str = ""  # file:line, for messages


@dataclass(frozen=True)
class Waves:
    """`deadline` (seconds) holds for every wave not named in `deadlines`; `hints` are runbook lines."""

    deadline: float = 300.0
    deadlines: Mapping[int, float] = field(default_factory=dict)
    hints: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Eso:
    """External Secrets Operator: its Application is the only place of chart, version and values."""

    application: str = "10-secrets-operator"  # file stem below gitops.path
    namespace: str = "external-secrets"


@dataclass(frozen=True)
class RunLock:
    """The lock of a run on the environment, in seconds: how long a second run waits for the first, how often
    a run renews its lock, and after how long without that it is taken to be in trouble."""

    wait: float = 5.0
    heartbeat: float = 20.0
    stale: float = 600.0


@dataclass(frozen=True)
class Smoke:
    """A check of a cluster that came up: a command line for the shell; `timeout` in seconds."""

    name: str
    run: str
    timeout: float = 120.0


@dataclass(frozen=True)
class Drill:
    """`tolerance`: how many times the usual duration counts as a regression. `ttl` is what the environment
    carries, so that `reap` removes it should the machine die that made it."""

    smoke: tuple[Smoke, ...] = ()
    tolerance: float = 1.5
    ttl: str = "6h"


KEEP, REMOVE = "keep", "remove"


@dataclass(frozen=True)
class Teardown:
    """What `down` does, keep or remove, with what may be meant to outlive the environment: the seeded
    `secrets` in SSM, the EBS `volumes` of claims (those of reclaim policy Retain are all that is left then),
    the `backups` in S3, hosted `zones` that carry the environment's tags."""

    secrets: str = REMOVE
    volumes: str = REMOVE
    backups: str = KEEP
    zones: str = KEEP


@dataclass(frozen=True)
class Backup:
    """`keep`: how many of the newest stay. `bucket` is one of your own, in another account or region, say;
    by default `<project>-<environment>-backups-<account>` is made. With a `key_file` backups are encrypted
    under that key, else under a KMS key kept beside them, which is lost with its account."""

    keep: int = 7
    bucket: str | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Archive:
    """Where databases archive to: each incarnation of the environment gets a fresh folder below `prefix`."""

    bucket: str
    prefix: str = "databases"


FAIL, WARN, OFF = "error", "warn", "off"


@dataclass(frozen=True)
class Environment:
    """Everything one run needs to know about one environment."""

    name: str
    project: str
    target: str  # aws or local
    region: str
    ssm_prefix: str  # no trailing slash
    network: Network
    nodes: tuple[Node, ...]
    terraform: TerraformConfig
    gitops: Gitops
    seeds: tuple[Seed, ...]
    home: Path  # folder of the configuration file
    account: str | None = None  # any other account is refused
    profile: str | None = None  # AWS profile to use
    domain: str = "example.com"
    zone_id: str | None = None
    kubernetes_version: str = "1.37"
    waves: Waves = field(default_factory=Waves)
    eso: Eso = field(default_factory=Eso)
    run_lock: RunLock = field(default_factory=RunLock)
    teardown: Teardown = field(default_factory=Teardown)
    drill: Drill = field(default_factory=Drill)
    backup: Backup = field(default_factory=Backup)
    archive: Archive | None = None
    ttl: str = ""  # how long it lives from its first `up`, such as 8h; then `reap` removes it
    lint: str = FAIL  # what errors of the linter do to `up`: error (it refuses), warn, off
    deadlines: Mapping[str, float] = field(default_factory=dict)  # by step name, seconds

    @property
    def work(self) -> Path:
        """Every file a run makes lies below (git-ignored)."""
        return self.home / ".bootstrap"

    @property
    def state(self) -> Path:
        """What belongs to this environment here: kubeconfig, Terraform working copy, local platform."""
        return self.work / "environments" / self.name

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which what is ours is known; nothing without them is ever deleted."""
        return {"bootstrap:project": self.project, "bootstrap:environment": self.name}
