"""`bootstrap down`: back to nothing, and nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap import plan, targets
from bootstrap.aws import environments
from bootstrap.aws.audit import audit
from bootstrap.aws.inventory import Proof
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute
from bootstrap.commands.options import Options
from bootstrap.commands.ownership import going
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import BootstrapError
from bootstrap.run.target import Target
from bootstrap.steps import keeping


def run(options: Options) -> int:
    config = load(options.config, options.environment, values=False)
    target, phases = targets.open_run(config)
    if options.output == "text":
        for line in _going(config, target):
            say(line, err=True)
    confirm(options, f"This removes everything of '{config.name}' on {target.name}, its data included.")
    return execute(plan.build_down(config, phases, exists=target.exists()), config, target, options, ())


def _going(config: Environment, target: Target) -> Iterator[str]:
    """What is there to go, by kind, and what stays; AWS is asked without changing anything."""
    if not target.exists():
        return
    connect = target.connect
    try:
        found = audit(connect, environments.owner(connect, config))
    except BootstrapError as error:
        yield f"what is there cannot be shown now: {error}"
        return
    yield from going(found, config.region)
    kept = [*keeping.kept(config.teardown)]
    kept += ["the Terraform state bucket"] if target.terraform.keep_state_bucket else []
    if kept:
        yield f"to stay: {', '.join(kept)}"
    for each in found:
        if each.proof is Proof.INSIDE:
            yield f"in the way, and not ours to remove: {each.resource}"
        if each.proof is Proof.MARKED:
            yield f"left alone: {each.resource} {each.proof}"
