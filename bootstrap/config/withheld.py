"""The variables that secrets are taken from (`from_env`), kept from every program that we start."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bootstrap.config.model import Environment

_TERRAFORM = "TF_VAR_"  # these are meant for Terraform as well


@contextmanager
def withheld(config: Environment) -> Iterator[Mapping[str, str]]:
    """For the block, they are not in the environment of this process, and so in none that it starts.

    Gives their values. What is not set is not among them.
    """
    names = {seed.from_env for seed in config.seeds if seed.from_env}
    values = {name: os.environ[name] for name in names if name in os.environ}
    for name in values:
        if not name.startswith(_TERRAFORM):
            del os.environ[name]
    try:
        yield values
    finally:
        os.environ.update(values)
