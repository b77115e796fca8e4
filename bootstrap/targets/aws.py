"""AWS itself: tools from PATH, credentials as its SDK finds them, the GitOps repository from its host."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstrap.aws.api import Api
from bootstrap.checks.credentials import credentials
from bootstrap.checks.model import Range
from bootstrap.checks.tools import program
from bootstrap.config.model import Environment, Gitops
from bootstrap.core.errors import PermanentError, TemporaryError, ToolError, UsageError
from bootstrap.core.git import ls_remote
from bootstrap.core.rendering import Tools
from bootstrap.recovery import remote
from bootstrap.recovery.etcd import TakeSnapshot, Wait
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from bootstrap.run.target import Shown, Target
from bootstrap.targets.base import Phases

REMOTE_TIMEOUT = 30.0  # seconds
TERRAFORM = Range((1, 10), (2,))  # 1.10 brought the S3 backend's use_lockfile
HELM = Range((3, 14), (5,))
KUSTOMIZE = Range((5,), (6,))


def build(config: Environment, faults: tuple[str, ...] = ()) -> tuple[Target, Phases]:
    """Raises UsageError when a fault is to be rehearsed: what users rely on is not for that."""
    if faults:
        raise UsageError(
            f"--fault {faults[0]} is refused",
            f"environment {config.name} is on AWS, and faults are rehearsed on the local platform only",
            "bootstrap up --environment local --fault NAME",
        )
    client = _clients(config)
    target = Target(
        name="aws",
        tools=Tools(_on_path("terraform"), _on_path("helm"), _on_path("kustomize")),
        client=client,
        revision=lambda: remote_commit(config.gitops),
        shown=Shown(
            probes=(
                program("terraform", "terraform", ("version",), TERRAFORM, "install Terraform 1.10"),
                program("helm", "helm", ("version", "--short"), HELM, "install Helm 4"),
                program("kustomize", "kustomize", ("version",), KUSTOMIZE, "install kustomize 5"),
                credentials(client, config.account, config.profile),
            ),
            billed=True,
        ),
    )
    return target, Phases(snapshot=_snapshot(config, client))


def _snapshot(config: Environment, client: Callable[[str], Any]) -> TakeSnapshot:
    connect: Callable[[str], Api] = lambda service: Api(client(service))  # noqa: E731

    def take(store: Store, backup: str, into: Path, wait: Wait) -> EtcdStatus:
        return remote.snapshot(connect, config.tags, store, backup, into, wait=wait)

    return take


def remote_commit(gitops: Gitops) -> str:
    """The commit that the revision stands for at the hosted repository; a full commit id stands for itself.

    Raises PermanentError when the repository does not know the revision, TemporaryError when it does
    not answer.
    """
    if len(gitops.revision) == 40 and set(gitops.revision) <= set("0123456789abcdef"):
        return gitops.revision
    found = parse_refs(_ls_remote(gitops), gitops.revision)
    if found is None:
        raise PermanentError(
            f"{gitops.repo_url} has no branch or tag {gitops.revision}",
            cure="push it, or correct `gitops.revision`",
        )
    return found


def parse_refs(listing: str, revision: str) -> str | None:
    """The commit in the output of `git ls-remote`. A branch wins over a tag, an annotated tag is peeled."""
    refs = {
        ref: commit for commit, ref in (line.split("\t", 1) for line in listing.splitlines() if "\t" in line)
    }
    wanted = (f"refs/heads/{revision}", f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", revision)
    return next((refs[ref] for ref in wanted if ref in refs), None)


def _ls_remote(gitops: Gitops) -> str:
    patterns = (gitops.revision, f"{gitops.revision}^{{}}")
    try:
        return ls_remote(gitops.repo_url, *patterns, checkout=gitops.checkout, seconds=REMOTE_TIMEOUT)
    except ToolError as error:
        cure = "check the URL and your Git credentials"
        raise TemporaryError(f"cannot ask {gitops.repo_url}", error.why, cure) from error


def _clients(config: Environment) -> Callable[[str], Any]:
    """boto3 clients of one session, which is opened when the first is asked for."""
    sessions: list[Any] = []

    def client(service: str) -> Any:
        import boto3  # noqa: PLC0415 - takes a quarter of a second

        if not sessions:
            sessions.append(boto3.Session(profile_name=config.profile, region_name=config.region))
        return sessions[0].client(service)

    return client


def _on_path(program: str) -> Path:
    """Where it is; its bare name when it is nowhere, which preflight reports."""
    return Path(shutil.which(program) or program)
