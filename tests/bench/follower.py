"""The product's own waves step against an API server, for measuring it from outside; events go to stdout.

python -m tests.bench.follower KUBECONFIG
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from bootstrap.config.model import Gitops, Waves
from bootstrap.core.clock import SystemClock
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.client import Cluster
from bootstrap.run.events import Event, Stamped, encode
from bootstrap.steps import waves
from bootstrap.steps.access import ClusterAccess
from tests.argo_objects import COMMIT, REPO
from tests.aws_context import environment, world


def tell(event: Event) -> None:
    """`time` is the monotonic clock, which all processes of a machine share."""
    data = encode(Stamped(time.monotonic(), 0.0, event))
    if data["type"] != "app_seen":
        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()


def main() -> None:
    kubeconfig = Path(sys.argv[1])
    gitops = Gitops(kubeconfig.parent, REPO, "apps", kubeconfig.parent)
    config = environment(kubeconfig.parent, gitops=gitops, waves=Waves(deadline=3600.0))
    made = world(config, clock=SystemClock(), revision=lambda: COMMIT)
    context = made.context.__class__(
        config,
        made.context.target,
        SystemClock(),
        tell,
        threading.Event(),
        kubeconfig.parent,
        deadline=3600.0,
    )
    context.results.put(ClusterAccess(kubeconfig, Cluster.from_kubeconfig(kubeconfig)))
    context.results.put(Tree(()))
    waves.run(context)


if __name__ == "__main__":
    main()
