"""The environment's Terraform stack, ready to use: working copy, override, variables, backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bootstrap.aws import environments
from bootstrap.aws.api import Api
from bootstrap.config.model import Environment
from bootstrap.run.context import Context
from bootstrap.terraform.environment import terraform_environment
from bootstrap.terraform.progress import Reporter
from bootstrap.terraform.runner import Terraform
from bootstrap.terraform.shortage import Place
from bootstrap.terraform.survivor import PATIENCE, note, wait_for_survivor
from bootstrap.terraform.variables import variables
from bootstrap.terraform.workspace import Content, prepare

# Stands in for the S3 backend where nothing may be made yet: an empty state, written nowhere.
_NO_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


def notes(config: Environment) -> Path:
    """Where the Terraform processes of this environment are noted."""
    return config.state / "terraform.pid"


def open_stack(
    context: Context,
    backend: Mapping[str, str] | None,
    places: Mapping[str, Place] | None = None,
    patience: float = PATIENCE,
) -> Terraform:
    """Prepare the working copy and initialise it; without a `backend` against an empty state.

    `places` are those of machines that have alternatives. `patience` is how long (seconds) a Terraform that
    outlived its run is waited for: what it makes may take many minutes.
    Raises ConfigError, ToolError, TemporaryError, LockedError, Interrupted.
    """
    config, target = context.config, context.target
    override = target.terraform.override
    if backend is None:
        override = (override or "") + _NO_BACKEND
    content = Content(config.terraform.stack, override, variables(config, places, _expiry(context)))
    running = notes(config)
    wait_for_survivor(context, running, patience)
    folder = prepare(config.terraform.folder, config.state / "terraform", content)
    terraform = Terraform(
        binary=target.tools.terraform,
        folder=folder,
        environment=terraform_environment(os.environ, target.terraform.environment, config.profile),
        log=context.run_folder / "terraform.jsonl",
        clock=context.clock,
        cancel=context.cancel,
        listen=Reporter(context),
        started=partial(note, running),
    )
    context.progress("terraform init")
    terraform.init(backend or {})
    return terraform


def _expiry(context: Context) -> str:
    """As the run has decided it; a look without a run goes by the record."""
    decided = context.results.find(environments.Lifetime)
    if decided is not None:
        return decided.record.expires_at
    found = environments.read(Api(context.target.client("ssm")), context.config)
    return found.expires_at if found else ""
