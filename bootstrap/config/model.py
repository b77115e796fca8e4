"""The configuration as frozen data: the keys of bootstrap.yaml, their types, defaults and documentation.

The text below a field is its documentation in the JSON schema and in docs/configuration.md. Nothing here
does I/O; `load.py` reads and checks. Durations are seconds, sizes are GiB unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from bootstrap.config.fields import (
    Account,
    Anything,
    Domain,
    FilePath,
    FolderName,
    InstanceType,
    LabelKey,
    LabelValue,
    Name,
    NodeName,
    NotInFile,
    OneOf,
    Region,
    RepositoryUrl,
    RotateAfter,
    Seconds,
    SecondsOrNone,
    Span,
    SpanOrNone,
    SsmPath,
    Subnets,
    Version,
    VpcCidr,
    Wave,
    Zone,
    ZoneId,
)

KEEP, REMOVE = "keep", "remove"
FAIL, WARN, OFF = "error", "warn", "off"

KeepOrRemove = Annotated[str, OneOf((KEEP, REMOVE))]


@dataclass(frozen=True)
class Taint:
    """A taint that the node carries from the moment it joins the cluster."""

    key: LabelKey
    """Key of the taint. A node can carry one taint for each key."""
    value: LabelValue
    """Value of the taint; may be empty."""
    effect: Annotated[str, OneOf(("NoSchedule", "PreferNoSchedule", "NoExecute"))] = "NoSchedule"
    """What happens to pods that do not tolerate the taint."""


@dataclass(frozen=True)
class Fallback:
    """What to try when EC2 has no capacity for a machine."""

    instance_types: tuple[InstanceType, ...] = ()
    """Other instance types, in the order in which they are tried."""
    zones: tuple[Zone, ...] = ()
    """Availability zones in which the machine may be launched, as indexes (0 to 2) of the subnets."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    name: NodeName
    """Name of the machine and of its Kubernetes node."""
    role: Annotated[str, OneOf(("control-plane", "worker"))]
    """What the machine does. Exactly one node is the control plane."""
    instance_type: InstanceType
    """EC2 instance type."""
    volume_gb: Annotated[int, Field(ge=8, le=16_384, examples=[20])]
    """Size of the root volume in GiB."""
    labels: Mapping[LabelKey, LabelValue]
    """Labels of the Kubernetes node, by key. EC2 carries labels and taints as tags: at most 40 together."""
    taints: tuple[Taint, ...] = ()
    """Taints of the Kubernetes node."""
    subnet: Annotated[str, OneOf(("public", "private"))] = "public"
    """The kind of subnet in which the machine is launched."""
    zone: Zone | None = None
    """Pins the machine to one availability zone, as an index (0 to 2) of the subnets. By default the machines
    are spread by a hash of their names."""
    fallback: Fallback = field(default_factory=Fallback)
    """What to try when EC2 has no capacity for the machine."""


@dataclass(frozen=True)
class Network:
    """The VPC and its subnets, one public and one private in each of three availability zones."""

    vpc_cidr: VpcCidr
    """CIDR block of the VPC, between /16 and /28."""
    public_subnets: Subnets
    """CIDR blocks of the three public subnets, inside the VPC."""
    private_subnets: Subnets
    """CIDR blocks of the three private subnets, inside the VPC."""


@dataclass(frozen=True)
class TerraformConfig:
    """The Terraform code that builds the infrastructure, and how it is run."""

    folder: FilePath
    """Folder of the Terraform code, relative to this file. It is copied as a whole before each run."""
    stack: FolderName = "dev"
    """The root module: a folder below `folder` that holds *.tf files."""
    parallelism: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many resources Terraform works on at the same time."""
    variables: Mapping[str, Anything] = field(default_factory=dict)
    """Terraform variables of your own, by name. They override those that bootstrap sets."""
    orphans: Annotated[str, OneOf(("import", "remove", "refuse"))] = "import"
    """What to do with resources that a killed run created and could not record in the state: import them,
    remove them (machines are created again, everything else is imported), or refuse to run."""
    capacity_patience: Seconds = 30.0
    """How long EC2 may report that it has no capacity for a machine before its `fallback` is tried."""


@dataclass(frozen=True)
class RootSource:
    """How Argo CD makes manifests of `gitops.path`: fields of the root Application's `spec.source`, in Argo
    CD's own words. At most one of them; without any Argo CD finds out whether the folder is a chart, a
    kustomization, or plain manifests."""

    helm: Mapping[str, Anything] = field(default_factory=dict)
    """Options of a Helm chart, such as valueFiles, values, valuesObject and parameters."""
    kustomize: Mapping[str, Anything] = field(default_factory=dict)
    """Options of a kustomization, such as namePrefix, images and components."""
    directory: Mapping[str, Anything] = field(default_factory=dict)
    """Options of plain manifests: recurse, include and exclude."""

    @property
    def options(self) -> dict[str, Mapping[str, object]]:
        """What is given, as `spec.source` has it."""
        given = {"helm": self.helm, "kustomize": self.kustomize, "directory": self.directory}
        return {kind: options for kind, options in given.items() if options}


@dataclass(frozen=True)
class Gitops:
    """The GitOps repository: where Argo CD reads it, and where its checkout is on this machine."""

    checkout: FilePath
    """A folder inside the Git work tree of the repository, relative to this file."""
    repo_url: RepositoryUrl
    """URL from which Argo CD reads the repository."""
    path: Annotated[FolderName, Field(examples=["manifests/clusters/dev/apps"])]
    """Folder of the Applications, relative to the root of the repository."""
    install: FilePath
    """Folder of the kustomization that installs Argo CD, relative to this file."""
    revision: str = "main"
    """Branch, tag or commit that Argo CD follows."""
    root_app: str = "root"
    """Name of the root Application, which deploys the others."""
    project: str = "platform"
    """AppProject of the root Application."""
    namespace: str = "argocd"
    """Namespace of Argo CD."""
    source: RootSource = field(default_factory=RootSource)
    """How Argo CD makes manifests of `path`. By default Argo CD finds out by itself."""
    where: Annotated[SkipJsonSchema[NotInFile], Field(exclude=True)] = ""
    """file:line of `path`, for messages."""


@dataclass(frozen=True)
class Generate:
    """How to generate a password. The policy must leave at least 64 bits of entropy."""

    length: Annotated[int, Field(ge=8, le=4096)] = 32
    """Length in characters."""
    alphabet: Annotated[str, OneOf(("alphanumeric", "hex", "url-safe", "symbols"))] = "alphanumeric"
    """Characters to choose from; `symbols` adds - _ . + to letters and digits."""
    exclude: Annotated[str, Field(examples=["O0Il1"])] = ""
    """Characters of the alphabet that must not occur."""
    require: tuple[Annotated[str, OneOf(("lower", "upper", "digit", "symbol"))], ...] = ()
    """Classes of characters that must occur. By default, every class of the alphabet."""
    rotate_after: RotateAfter = ""
    """Age at which the value is reported as due for rotation. It is never rotated unasked."""


@dataclass(frozen=True)
class Seed:
    """An SSM parameter and exactly one source of its value."""

    name: Annotated[str, Field(examples=["database/auth/postgres-password"])]
    """Name of the parameter below `ssm_prefix`."""
    generate: Generate | None = None
    """Generate a password once, and keep it. `{}` stands for the defaults."""
    from_env: Annotated[str | None, Field(examples=["GOOGLE_CLIENT_SECRET"])] = None
    """Read the value from this environment variable."""
    from_file: FilePath | None = None
    """Read the value from this file, relative to this one. Keep the file out of Git."""
    from_output: Annotated[str | None, Field(examples=["vpc.id"])] = None
    """Use this Terraform output; dots lead into maps and lists."""
    template: Annotated[
        str | None, Field(examples=["amqp://eco2:{seed:messaging/rabbitmq-password}@rabbitmq:5672/eco2"])
    ] = None
    """Text with placeholders: {output.NAME} for a Terraform output, {seed:NAME} for another seed."""
    where: Annotated[SkipJsonSchema[NotInFile], Field(exclude=True)] = ""
    """file:line of the seed, for messages."""


@dataclass(frozen=True)
class Waves:
    """How long each sync wave may take, and what to look at when one does not become healthy."""

    deadline: Seconds = 300.0
    """How long a wave may take to become healthy."""
    deadlines: Mapping[Wave, Seconds] = field(default_factory=dict)
    """Deadlines of single waves, by the number of the wave."""
    hints: Mapping[Wave, str] = field(default_factory=dict)
    """What to look at when a wave is stuck, by the number of the wave: a line of your runbook."""


@dataclass(frozen=True)
class Eso:
    """External Secrets Operator. Its Application holds chart, version and values."""

    application: FolderName = "10-secrets-operator"
    """The Application that installs it: its name, or that of its file without .yaml."""
    namespace: str = "external-secrets"
    """Namespace of the operator."""
    where: Annotated[SkipJsonSchema[NotInFile], Field(exclude=True)] = ""
    """file:line of `application`, for messages."""


@dataclass(frozen=True)
class RunLock:
    """The lock that keeps a second run off the environment."""

    wait: SecondsOrNone = 5.0
    """How long a second run waits for the first; 0 refuses at once."""
    heartbeat: Seconds = 20.0
    """How often a run renews its lock."""
    stale: Seconds = 600.0
    """After how long without a renewal a run is reported as in trouble. At least five heartbeats."""


@dataclass(frozen=True)
class Smoke:
    """A check of your own, which `bootstrap drill` runs when the cluster is up."""

    name: str
    """Name of the check in reports."""
    run: Annotated[str, Field(examples=["kubectl get --raw /readyz"])]
    """Command line for the shell. Exit code 0 passes."""
    timeout: Seconds = 120.0
    """How long the command may take."""


@dataclass(frozen=True)
class Drill:
    """Settings of `bootstrap drill`."""

    smoke: tuple[Smoke, ...] = ()
    """Checks to run when the cluster is up."""
    tolerance: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.5
    """How many times the usual duration counts as a regression."""
    ttl: Span = "6h"
    """Time to live of the environment: `bootstrap reap` removes it should the machine die that runs the
    drill."""


@dataclass(frozen=True)
class Teardown:
    """What `bootstrap down` does with things that may be meant to outlive the environment."""

    secrets: KeepOrRemove = REMOVE
    """The seeded SSM parameters."""
    volumes: KeepOrRemove = REMOVE
    """EBS volumes of claims that the cluster left behind (reclaim policy Retain)."""
    backups: KeepOrRemove = KEEP
    """The backups in S3."""
    zones: KeepOrRemove = KEEP
    """Route 53 hosted zones that carry the tags of the environment."""


@dataclass(frozen=True)
class Backup:
    """Settings of `bootstrap backup`."""

    keep: Annotated[int, Field(ge=1)] = 7
    """How many of the newest backups to keep."""
    bucket: Annotated[str | None, Field(examples=["eco2-backups"])] = None
    """A bucket of your own, for example in another account or region. By default
    PROJECT-ENVIRONMENT-backups-ACCOUNT is created."""
    bucket_owner: Account | None = None
    """Account that owns `bucket`. By default it must belong to the account of the environment."""
    key_file: FilePath | None = None
    """Key with which backups are encrypted, relative to this file. Keep it out of Git and in a safe place. By
    default a KMS key is used, which is lost with its account."""


@dataclass(frozen=True)
class Archive:
    """Where databases archive to. Each incarnation of the environment gets an empty folder of its own."""

    bucket: Annotated[str, Field(examples=["eco2-archive"])]
    """S3 bucket of the archive."""
    prefix: str = "databases"
    """Folder of the bucket below which the archives are kept."""
    bucket_owner: Account | None = None
    """Account that owns `bucket`. By default it must belong to the account of the environment."""


@dataclass(frozen=True)
class Environment:
    """Everything one run needs to know about one environment."""

    name: str
    project: str
    target: Annotated[str, OneOf(("aws", "local"))]
    """Where the environment is created: on AWS, or on this machine."""
    region: Region
    """AWS region."""
    ssm_prefix: SsmPath
    """Path in SSM Parameter Store below which the parameters of the environment lie; no slash at the end."""
    network: Network
    """The VPC and its subnets."""
    nodes: tuple[Node, ...]
    """The machines of the cluster."""
    terraform: TerraformConfig
    """The Terraform code that builds the infrastructure."""
    gitops: Gitops
    """The GitOps repository."""
    seeds: tuple[Seed, ...]
    """SSM parameters to create, which ExternalSecrets of the cluster read."""
    home: Path
    account: Account | None = None
    """The only AWS account in which this environment may be created. Quote it."""
    profile: Annotated[str | None, Field(examples=["eco2-dev"])] = None
    """AWS profile to use instead of the default credentials."""
    domain: Domain = "example.com"
    """Domain below which the services are published."""
    zone_id: ZoneId | None = None
    """Route 53 hosted zone of the domain. With it, the certificate is validated and DNS records are written;
    without it, both are up to you."""
    kubernetes_version: Version = "1.37"
    """Kubernetes version of the cluster. Quote it: 1.30 without quotes is the number 1.3 to most tools."""
    waves: Waves = field(default_factory=Waves)
    """Deadlines and hints of the sync waves."""
    eso: Eso = field(default_factory=Eso)
    """External Secrets Operator."""
    run_lock: RunLock = field(default_factory=RunLock)
    """The lock that keeps a second run off the environment."""
    teardown: Teardown = field(default_factory=Teardown)
    """What `bootstrap down` keeps."""
    drill: Drill = field(default_factory=Drill)
    """Settings of `bootstrap drill`."""
    backup: Backup = field(default_factory=Backup)
    """Settings of `bootstrap backup`."""
    archive: Archive | None = None
    """Where databases archive to."""
    ttl: SpanOrNone = ""
    """Time to live from the first `bootstrap up`; afterwards `bootstrap reap` removes the environment. By
    default it does not expire."""
    lint: Annotated[str, OneOf((FAIL, WARN, OFF))] = FAIL
    """What `bootstrap up` does about errors of the linter: refuse to run, warn, or ignore them."""
    deadlines: Mapping[str, Seconds] = field(default_factory=dict)
    """Deadlines of single steps, by the name of the step."""

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


@dataclass(frozen=True)
class Configuration:
    """What `bootstrap` builds, environment by environment. Relative paths start from the folder of this file.
    Durations are seconds, or a text such as 30s, 5m, 8h or 90d."""

    project: Name
    """Name of the project. It begins the names of everything that is created."""
    environments: Mapping[Name, Environment]
    """The environments, by name. `bootstrap --environment NAME` chooses one."""
