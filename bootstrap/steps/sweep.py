"""Before destroy: remove what the cluster's controllers made and left behind, and name what is in the way.

While their controllers live, load balancers and records go with their Ingresses (see teardown.py). Where the
controllers were dead already, or stopped half-way, what they made would block the end of the VPC for as long
as Terraform waits, and go on costing. Interfaces of a load balancer that is gone are waited for: the service
removes them itself, minutes later. Volumes still attached to a machine are left to the step after destroy.
"""

from __future__ import annotations

from bootstrap.aws.inventory import Found, Proof
from bootstrap.core.errors import LeftoverError
from bootstrap.run.context import Context
from bootstrap.run.step import Done
from bootstrap.steps.clearing import clear, remaining

PATIENCE = 300.0  # seconds; an interface of a load balancer may live on for minutes
ATTACHED = "ec2 volume"


def run(context: Context) -> Done:
    """Raises LeftoverError when something that is not ours, or does not go, lies in the VPC."""
    seen = clear(context, _goes, PATIENCE)
    problems = remaining(context, seen, "does not go away", "look whose it is; then move it, or ")
    if problems:
        what = f"{len(problems)} resources are in the way of the end of {context.config.name}'s network"
        raise LeftoverError(what, problems)
    return Done("nothing of the cluster's controllers is left")


def _goes(found: Found) -> bool:
    made_by_controllers = (Proof.CONTROLLER, Proof.RECORD, Proof.LINGERING)
    return found.proof in made_by_controllers and found.resource.kind != ATTACHED
