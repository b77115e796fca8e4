"""`bootstrap up`: from nothing, or from wherever things stand, to Healthy."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bootstrap import plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute, perform
from bootstrap.commands.options import UpOptions
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.gitops import applications as gitops
from bootstrap.targets.base import Target

LIST = "list"


def run(options: UpOptions) -> int:
    config = load(options.config, options.environment, values=not options.from_backup)
    # A step would learn only after Terraform that an Application cannot be read.
    gitops.find(gitops.load(config.gitops), config.eso.application)
    if LIST in options.fault:
        return _list(targets.open_target(config), config)
    target = targets.open_target(config, options.fault)
    if target.billed:
        account = f" in account {config.account}" if config.account else ""
        confirm(options, f"This makes billed AWS resources for '{config.name}'{account}, {config.region}.")
    following = (
        f"KUBECONFIG='{config.kubeconfig}' kubectl get applications -n {config.gitops.namespace}",
        options.command("status"),
        options.command("down"),
    )
    if options.from_backup:
        return _restore(config, target, options, following)
    return execute(plan.build_up(config, target), config, target, options, following)


def _restore(config: Environment, target: Target, options: UpOptions, following: Sequence[str]) -> int:
    from bootstrap.drill.model import rto  # noqa: PLC0415 - only needed here
    from bootstrap.recovery.manifest import Consent  # noqa: PLC0415
    from bootstrap.steps.restore import Wish  # noqa: PLC0415

    consent = Consent(options.other_account, options.other_region)
    wish = Wish(options.from_backup, options.gitops_only, consent)
    done = perform(plan.build_restore(config, target, wish), config, target, options, following)
    taken = rto(done.view, "restore-verify")
    if taken is not None and options.output != "json":
        click.echo(f"RTO {taken:.1f} s")
    return done.code


def _list(target: Target, config: Environment) -> int:
    """What can be rehearsed there, a line each."""
    if not target.faults:
        raise UsageError(
            f"no fault can be rehearsed on {target.name}", f"environment {config.name} is no local platform"
        )
    width = max(map(len, target.faults))
    for name, summary in sorted(target.faults.items()):
        print(f"{name:{width}}  {summary}")  # noqa: T201 - the answer to the command
    return 0
