"""Terraform destroy: everything that the state knows."""

from __future__ import annotations

from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import backend
from bootstrap.steps.orphans import adopt_for_destroy
from bootstrap.steps.unlock import unlocking
from bootstrap.terraform.stack import open_stack


def run(context: Context) -> Done:
    """Remove it all. Without a state bucket there is nothing to remove. Raises like the terraform step."""
    found = backend.find(context)
    if found is None:
        return Done("no state bucket, nothing to destroy", changed=False)
    settings = found.settings(context.target.terraform.backend)
    terraform = open_stack(context, settings, patience=context.deadline / 2)
    if unlocking(context, terraform, terraform.rescue_state):
        context.emit(Notice("uploaded the Terraform state that an earlier run could not (errored.tfstate)"))
    unlocking(context, terraform, lambda: adopt_for_destroy(context, terraform))
    context.progress("terraform destroy")
    removed = terraform.destroy(context.config.terraform.parallelism)
    return Done(f"{removed} resources destroyed", changed=removed > 0)
