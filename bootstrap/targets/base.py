"""A target carries what differs between AWS and the local platform, so that no step asks where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bootstrap.checks.model import Probe
    from bootstrap.recovery.manifest import EtcdStatus
    from bootstrap.run.context import Context
    from bootstrap.run.step import Step
    from bootstrap.status.model import Part


@dataclass(frozen=True)
class Tools:
    """Paths of the programs the pipeline runs."""

    terraform: Path
    helm: Path
    kustomize: Path


@dataclass(frozen=True)
class Source:
    """What served a chart or file: `origin` is upstream, cache or stand-in."""

    source: str
    version: str
    origin: str


@dataclass(frozen=True)
class Outside:
    """The way to charts and remote files: `environment` leads there, `served()` is what came from where."""

    environment: Mapping[str, str] = field(default_factory=dict)
    served: Callable[[], tuple[Source, ...]] = tuple


@dataclass(frozen=True)
class Rendering:
    """How manifests are rendered without a cluster. `open()` makes the way outside while it is entered; `key`
    changes when what it serves does (the stand-ins of this version), besides what upstream has."""

    open: Callable[[], AbstractContextManager[Outside]]
    key: str = ""


# A label of what stands for a chart about which nothing is known: a real one has much that it lacks.
UNKNOWN = {"bootstrap.local/stand-in": "unknown"}
DIRECT = Rendering(lambda: nullcontext(Outside()))  # no proxy, no stand-in


@dataclass(frozen=True)
class MachineCommands:
    """What to type to see what a machine did: `console` needs nothing of it, `shell` lets {then} be typed
    there. Further holes: {instance}, {region}, {environment}."""

    console: str = (
        "aws ec2 get-console-output --region {region} --latest --output text --instance-id {instance}"
    )
    shell: str = "aws ssm start-session --region {region} --target {instance}  # there: {then}"


@dataclass(frozen=True)
class Target:
    """Everything the pipeline needs to know about where it runs.

    `client(service)` makes a boto3 client. `tool_environment` is added to the environment of helm,
    kustomize and git; `terraform_environment` to Terraform's. `terraform_override` is the text of an
    override file put beside the root module in its working copy. `backend` are extra settings of
    Terraform's S3 backend. `before` are the steps that prepare the target for `up`, `wake` those that make
    it answer for `down`, `after` those that dispose of it then. `exists()` is false only where it is certain
    that there is nothing to take down. `during` are steps between the root Application and the waves.
    `tools_from` names the steps of `before` that make the tools. `snapshot(context, file)` has etcd's own
    tool write a snapshot; `backed_up` are steps after a backup, which may leave a copy of the bucket in
    `backup_copy`; `backup_key` is the file of their key where the configuration names none.
    `revision()` is the commit (40 hex digits) that the GitOps revision stands for. `probes` are the
    target's own checks, made before anything is touched.
    """

    name: str
    tools: Tools
    client: Callable[[str], Any]
    revision: Callable[[], str]
    tool_environment: Mapping[str, str] = field(default_factory=dict)
    terraform_environment: Mapping[str, str] = field(default_factory=dict)
    terraform_override: str | None = None
    backend: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Step, ...] = ()
    tools_from: tuple[str, ...] = ()
    wake: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    during: tuple[Step, ...] = ()
    snapshot: Callable[[Context, Path], EtcdStatus] | None = None
    backed_up: tuple[Step, ...] = ()
    backup_copy: Path | None = None
    backup_key: Path | None = None
    exists: Callable[[], bool] = lambda: True
    sources: Callable[[], tuple[Source, ...]] = tuple
    notices: Callable[[], tuple[str, ...]] = tuple
    rendering: Rendering = DIRECT
    parts: Callable[[], tuple[Part, ...]] = tuple  # what `bootstrap status` shows of the target itself
    probes: tuple[Probe, ...] = ()  # besides what holds for every target (bootstrap/checks/probes.py)
    faults: Mapping[str, str] = field(default_factory=dict)  # what can be rehearsed: name → one line
    machine: MachineCommands = MachineCommands()
    delivers_checkout: bool = False  # whether `up` itself hands the checkout, as it is, to Argo CD
    billed: bool = False  # whether what `up` makes costs money: then it asks before it starts
    keep_state_bucket: bool = True  # whether `down` leaves the Terraform state bucket in place
