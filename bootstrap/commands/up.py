"""`bootstrap up`: from nothing, or from wherever things stand, to Healthy."""

from __future__ import annotations

from bootstrap import gitops, plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute
from bootstrap.commands.options import Options
from bootstrap.config.load import load


def run(options: Options) -> int:
    config = load(options.config, options.environment)
    # A step would learn only after Terraform that an Application cannot be read.
    gitops.find(gitops.load(config.gitops), config.eso.application)
    target = targets.open_target(config)
    if target.billed:
        account = f" in account {config.account}" if config.account else ""
        confirm(options, f"This makes billed AWS resources for '{config.name}'{account}, {config.region}.")
    following = (
        f"KUBECONFIG='{config.kubeconfig}' kubectl get applications -n {config.gitops.namespace}",
        options.command("status"),
        options.command("down"),
    )
    return execute(plan.build_up(config, target), config, target, options, following)
