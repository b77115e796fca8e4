"""The environment that is killed: few machines, and something of everything that `up` and `down` handle.

Secrets that are made up, an ExternalSecret that reads one, a volume, an Ingress; so a load balancer, DNS
records and an EBS volume lie in AWS that no Terraform knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.platform.slow_apps import claim, deployment, ingress, ingress_class, service
from tests.platform.small_tree import PREFIX, external_secret, lay_out, node, taint

SEEDS = ("app/password", "shop/password", "shop/key")
# A busy machine is no reason to give up: what takes longest, and the seconds that it gets.
SLOW = ("access", "nodes", "eso", "argocd", "verify", "teardown", "sweep", "leftovers")
PATIENCE = 2400
CONTROLLERS = ("aws-load-balancer-controller", "external-dns", "ebs-csi-controller")


def lay_out_tree(folder: Path) -> None:
    """Write it as a Git repository with a `bootstrap.yaml` of its own."""
    lay_out(
        folder,
        {"deadline": PATIENCE},
        {
            "cloud": [_controller(name) for name in CONTROLLERS],
            "shop": [
                external_secret("shop", "shop/password"),
                claim(),
                deployment(0, claim="data"),
                service(),
                ingress_class("alb"),
                ingress("alb"),
            ],
        },
        earlier={"cloud": 4},
        nodes=[
            node("control-plane", "control-plane", taints=taint("control-plane")),
            node("worker-a", "worker"),
        ],
        deadlines=dict.fromkeys(SLOW, PATIENCE),
        seeds=[{"name": name, "generate": {"length": 32}} for name in SEEDS],
    )


def parameter(seed: str) -> str:
    return f"{PREFIX}/{seed}"


def _controller(name: str) -> dict[str, Any]:
    """What the local platform's own controllers work for: their Deployment, in a pod that is simulated."""
    made = deployment(0)
    made["metadata"] = {"name": name}
    return made
