"""Commands for people to type. Pure."""

from __future__ import annotations

import shlex

from bootstrap.config.model import Environment


def kubectl(config: Environment, *words: str) -> str:
    """A kubectl command line that reaches this environment's cluster and no other."""
    return shlex.join(["kubectl", "--kubeconfig", str(config.kubeconfig), *words])
