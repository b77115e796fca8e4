"""`bootstrap up`: from nothing, or from wherever things stand, to Healthy."""

from __future__ import annotations

import click

from bootstrap import plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute, perform
from bootstrap.commands.options import UpOptions
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.drill.model import rto
from bootstrap.recovery.manifest import Consent
from bootstrap.run.target import Target
from bootstrap.steps.restore import RestoreRequest

LIST = "list"


def run(options: UpOptions) -> int:
    config = load(options.config, options.environment, values=not options.from_backup)
    if LIST in options.fault:
        return _list(targets.open_target(config), config)
    target, phases = targets.open_run(config, options.fault)
    if target.shown.billed:
        account = f" in account {config.account}" if config.account else ""
        confirm(options, f"This makes billed AWS resources for '{config.name}'{account}, {config.region}.")
    following = (
        f"KUBECONFIG='{config.kubeconfig}' kubectl get applications -n {config.gitops.namespace}",
        options.command("status"),
        options.command("down"),
    )
    if not options.from_backup:
        return execute(plan.build_up(config, phases), config, target, options, following)
    restore = plan.build_restore(config, phases, _request(options))
    done = perform(restore, config, target, options, following)
    taken = rto(done.view, "restore-verify")
    if taken is not None and options.output != "json":
        click.echo(f"RTO {taken:.1f} s")
    return done.code


def _request(options: UpOptions) -> RestoreRequest:
    consent = Consent(options.other_account, options.other_region)
    return RestoreRequest(options.from_backup, options.gitops_only, consent)


def _list(target: Target, config: Environment) -> int:
    """What can be rehearsed there, a line each."""
    faults = target.shown.faults
    if not faults:
        raise UsageError(
            f"no fault can be rehearsed on {target.name}", f"environment {config.name} is no local platform"
        )
    width = max(map(len, faults))
    for name, summary in sorted(faults.items()):
        print(f"{name:{width}}  {summary}")  # noqa: T201 - the answer to the command
    return 0
