"""Cluster access: the kubeconfig that the control plane published in SSM, kept in a file of our own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.core.errors import DeadlineError, TemporaryError
from bootstrap.core.files import write_private
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.errors import Forbidden, Untrusted
from bootstrap.kubernetes.objects import Json, dig
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.machines import Machines
from bootstrap.steps.terraform import Outputs


@dataclass(frozen=True)
class ClusterAccess:
    """The cluster, and the file by which other programs reach it."""

    kubeconfig: Path
    cluster: Cluster


def run(context: Context) -> Done:
    """Wait for the kubeconfig and for the API server behind it.

    The parameter is read again at each look: one left by an earlier cluster of the same name is replaced as
    soon as the new control plane has published its own. Raises DeadlineError naming what is missing, and what
    the control plane's machine says of itself.
    """
    parameter = str(context.results.get(Outputs).values["kubeconfig_parameter"])
    api = Api(context.target.client("ssm"))
    before = _read(context.config.kubeconfig)
    control_plane = _ControlPlane(context)
    try:
        cluster = context.wait(
            lambda: _look(context, api, parameter, control_plane),
            "the API server",
            cure=f"bootstrap status --environment {context.config.name}",
        )
    except DeadlineError as error:
        raise control_plane.explained(error) from error
    changed = _read(context.config.kubeconfig) != before
    summary = f"Kubernetes {cluster.version()}, kubeconfig {context.config.kubeconfig}"
    return Done(summary, ClusterAccess(context.config.kubeconfig, cluster), changed)


def existing(context: Context) -> Cluster | None:
    """The cluster as it is, for steps without Terraform's outputs; None when none was ever published.

    Connects to nothing: whether it answers, its first call tells.
    """
    config = context.config
    parameter = f"{config.ssm_prefix}/cluster/kubeconfig"
    with suppress(TemporaryError):  # AWS does not answer: the file of the last run is as good as anything
        text = ssm.read(Api(context.target.client("ssm")), [parameter]).get(parameter)
        if text is not None:
            store(context, text)
    return Cluster.from_kubeconfig(config.kubeconfig) if config.kubeconfig.exists() else None


class _ControlPlane:
    """What the control plane's machine says of itself."""

    def __init__(self, context: Context) -> None:
        self._names = [node.name for node in context.config.nodes if node.role == "control-plane"]
        self._machines = Machines(context)

    def __str__(self) -> str:
        told = self._machines.look(self._names)
        return "; ".join(f"{name}: {told.get(name, 'has not reported')}" for name in self._names)

    def explained(self, error: DeadlineError) -> DeadlineError:
        told = self._machines.look(self._names, now=True)
        lines = "".join(f"\n  - {name}: {self._machines.explain(name)}" for name in self._names)
        behind = [name for name in self._names if name not in told or told[name].phase != "ready"]
        cure = self._machines.cure(behind[0]) if behind else error.cure
        return DeadlineError(error.what, f"{error.why}{lines}", cure)


def _look(context: Context, api: Api, parameter: str, control_plane: _ControlPlane) -> Observation[Cluster]:
    text = ssm.read(api, [parameter]).get(parameter)
    if text is None:
        return Observation(None, f"{parameter} is not published yet; {control_plane}")
    store(context, text)
    try:
        cluster = Cluster.from_kubeconfig(context.config.kubeconfig)
        waiting_for = cluster.ready()
    except TemporaryError as error:
        return Observation(None, f"{error}; {control_plane}")
    except (Untrusted, Forbidden) as error:
        return Observation(None, f"the published kubeconfig is of another cluster: {error}; {control_plane}")
    return Observation(None, waiting_for) if waiting_for else Observation(cluster)


def store(context: Context, text: str) -> None:
    """Keep the kubeconfig, mode 0600, replaced as a whole. Its secrets are told to the redaction."""
    context.secrets.add(*_secrets(text))
    path = context.config.kubeconfig
    if _read(path) == text and path.stat().st_mode & 0o777 == 0o600:
        return
    write_private(path, text)


def _secrets(text: str) -> list[str]:
    users: list[Json] = [
        user
        for document in documents(text)
        for user in (dig(document, "users") or ())
        if isinstance(user, dict)
    ]
    return [
        str(secret)
        for user in users
        for key in ("token", "client-key-data", "password")
        if (secret := dig(user, "user", key))
    ]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
