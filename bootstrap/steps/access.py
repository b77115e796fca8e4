"""Cluster access: the kubeconfig that the control plane published in SSM, kept in a file of our own."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.context import Context
from bootstrap.errors import TemporaryError
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.errors import Forbidden, Untrusted
from bootstrap.kubernetes.objects import Json, dig
from bootstrap.plan import Done
from bootstrap.steps.terraform import Outputs
from bootstrap.wait import Observation


@dataclass(frozen=True)
class ClusterAccess:
    """The cluster, and the file by which other programs reach it."""

    kubeconfig: Path
    cluster: Cluster


def run(context: Context) -> Done:
    """Wait for the kubeconfig and for the API server behind it.

    The parameter is read again at each look: one left by an earlier cluster of the same name is replaced as
    soon as the new control plane has published its own. Raises DeadlineError naming what is missing.
    """
    parameter = str(context.results.get(Outputs).values["kubeconfig_parameter"])
    api = Api(context.target.client("ssm"))
    before = _read(context.config.kubeconfig)
    cluster: Cluster = context.wait(
        lambda: _look(context, api, parameter),
        "the API server",
        cure=f"bootstrap status --environment {context.config.name}",
    )
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


def _look(context: Context, api: Api, parameter: str) -> Observation[Cluster]:
    text = ssm.read(api, [parameter]).get(parameter)
    if text is None:
        return Observation(None, f"{parameter} is not published yet; {_control_plane(context, api)}")
    store(context, text)
    try:
        cluster = Cluster.from_kubeconfig(context.config.kubeconfig)
        waiting_for = cluster.ready()
    except TemporaryError as error:
        return Observation(None, str(error))
    except (Untrusted, Forbidden) as error:
        return Observation(None, f"the published kubeconfig is of another cluster: {error}")
    return Observation(None, waiting_for) if waiting_for else Observation(cluster)


def _control_plane(context: Context, api: Api) -> str:
    """What the control plane's machine says about itself."""
    names = [node.name for node in context.config.nodes if node.role == "control-plane"]
    told = markers(api, context.config.ssm_prefix, names)
    return "; ".join(f"{name}: {told.get(name, 'has not reported')}" for name in names)


def markers(api: Api, prefix: str, names: list[str]) -> dict[str, str]:
    """By node: what its user data wrote to `<prefix>/nodes/<node>/status`: phase, time, last log lines."""
    found = ssm.read(api, [f"{prefix}/nodes/{name}/status" for name in names])
    return {path.split("/")[-2]: _marker(text) for path, text in found.items()}


def _marker(text: str) -> str:
    try:
        marker = json.loads(text)
    except ValueError:
        return text
    if not isinstance(marker, dict):
        return text
    return ": ".join(str(marker[key]) for key in ("phase", "time", "message", "log") if marker.get(key))


def store(context: Context, text: str) -> None:
    """Keep the kubeconfig, mode 0600, replaced as a whole. Its secrets are told to the redaction."""
    context.secrets.add(*_secrets(text))
    path = context.config.kubeconfig
    if _read(path) == text and path.stat().st_mode & 0o777 == 0o600:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - Path.open takes no mode bits
        file.write(text)
    fresh.replace(path)


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
