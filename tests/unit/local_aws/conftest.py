"""moto in this process, as it comes or patched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from moto import mock_aws

from tests.aws_context import client
from tests.unit.local_aws.machines import ApplyPatch


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> ApplyPatch:
    """`patch(name)`: apply that patch until the test ends."""

    def apply(name: str) -> None:
        module = import_module(f"bootstrap.local.aws.patches.{name}")
        module.apply(partial(monkeypatch.setattr, raising=False))

    return apply


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    """`aws(service)` is a client of an empty AWS."""
    with mock_aws():
        yield client
