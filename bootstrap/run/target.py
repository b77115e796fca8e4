"""Where a run works. What differs between AWS and the local platform is data here, so that no step asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.checks.model import Probe
from bootstrap.core.rendering import DIRECT, Rendering, Source, Tools


@dataclass(frozen=True)
class Part:
    """One thing below the cluster's applications: `state` is "up", "down" or "degraded"."""

    name: str  # API server, Terraform stack, Argo CD, ExternalSecrets, Ingresses …
    state: str
    detail: str = ""


@dataclass(frozen=True)
class MachineCommands:
    """What to type to see what a machine did: `console` needs nothing of it, `shell` lets {then} be typed
    there. Further holes: {instance}, {region}, {environment}."""

    console: str = (
        "aws ec2 get-console-output --region {region} --latest --output text --instance-id {instance}"
    )
    shell: str = "aws ssm start-session --region {region} --target {instance}  # there: {then}"


@dataclass(frozen=True)
class TerraformSettings:
    """`environment` is added to Terraform's own. `override` is the text of an override file put beside the
    root module in its working copy. `backend` are extra settings of the S3 backend."""

    environment: Mapping[str, str] = field(default_factory=dict)
    override: str | None = None
    backend: Mapping[str, str] = field(default_factory=dict)
    keep_state_bucket: bool = True  # whether `down` leaves the bucket of the state in place


@dataclass(frozen=True)
class Shown:
    """What people see of a target."""

    parts: Callable[[], tuple[Part, ...]] = tuple  # what `bootstrap status` shows of the target itself
    probes: tuple[Probe, ...] = ()  # its own checks, made before anything is touched
    faults: Mapping[str, str] = field(default_factory=dict)  # what can be rehearsed: name → one line
    notices: Callable[[], tuple[str, ...]] = tuple
    sources: Callable[[], tuple[Source, ...]] = tuple
    machine: MachineCommands = MachineCommands()
    billed: bool = False  # whether what `up` makes costs money: then it asks before it starts


@dataclass(frozen=True)
class Target:
    """Clients and tools, and what else steps and commands have to know of where they work.

    `client(service)` makes a boto3 client. `revision()` is the commit (40 hex digits) that the GitOps
    revision stands for. `tool_environment` is added to the environment of helm, kustomize and git.
    `exists()` is false only where it is certain that there is nothing to take down. `backup_copy` is where a
    copy of the backups is kept; `backup_key` is the file of their key where the configuration names none.
    """

    name: str
    tools: Tools
    client: Callable[[str], Any]
    revision: Callable[[], str]
    tool_environment: Mapping[str, str] = field(default_factory=dict)
    rendering: Rendering = DIRECT
    terraform: TerraformSettings = TerraformSettings()
    shown: Shown = Shown()
    exists: Callable[[], bool] = lambda: True
    delivers_checkout: bool = False  # whether `up` itself hands the checkout, as it is, to Argo CD
    backup_copy: Path | None = None
    backup_key: Path | None = None

    @cached_property
    def connect(self) -> Callable[[str], Api]:
        """`connect(service)`: one Api a service, and one question whose account it is. Of S3 only buckets of
        that account are seen, whoever takes a name."""

        @cache
        def connect(service: str) -> Api:
            owner = identity(connect("sts")).account if service == "s3" else ""
            return Api(self.client(service), owner)

        return connect
