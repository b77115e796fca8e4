"""Build a kustomization with the real program: Argo CD's own, which it finds later as it was installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from bootstrap.core.errors import ToolError
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Json

_SECONDS = 180.0


def kustomize_build(
    kustomize: Path, folder: Path, environment: Mapping[str, str], timeout: float = _SECONDS
) -> list[Json]:
    """Every object of the kustomization in `folder`. `environment` is added to ours; `timeout` in seconds.

    Raises ToolError.
    """
    what = f"kustomize could not build {folder}"
    output = _run([str(kustomize), "build", str(folder)], environment, what, timeout)
    return _objects(output, f"kustomize's output for {folder} is no YAML")


def _run(command: list[str], extra: Mapping[str, str], what: str, timeout: float) -> bytes:
    try:
        result = subprocess.run(
            command,
            env={**os.environ, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise ToolError(what, f"{command[0]} was not found", "bootstrap doctor") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(
            what, f"no answer within {timeout:.0f} s", "check the network, then run it again"
        ) from error
    if result.returncode:
        words = result.stderr.decode(errors="replace").strip() or f"exit {result.returncode}"
        raise ToolError(what, words, f"try it by hand: {' '.join([Path(command[0]).name, *command[1:]])}")
    return result.stdout


def _objects(output: bytes, what: str) -> list[Json]:
    try:
        return manifests(output)
    except yaml.YAMLError as error:
        raise ToolError(what, str(error), "please report this") from error
