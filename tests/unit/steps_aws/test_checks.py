"""The first step: an unfit machine is refused, every problem at once, before anything is touched."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bootstrap.checks import doctor
from bootstrap.checks.model import Check, Probe
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import PreflightError
from bootstrap.run.context import Context
from bootstrap.run.target import Shown
from bootstrap.steps import checks
from tests import fakes


def _context(home: Path, *probes: Probe) -> Context:
    return Context(
        fakes.environment(home),
        fakes.target(shown=Shown(probes=probes)),
        FakeClock(),
        lambda _: None,
        threading.Event(),
        home,
    )


def test_every_failed_check_is_told_with_its_cure(tmp_path: Path) -> None:
    old = Probe("terraform", lambda: Check("terraform", False, "1.5 is too old", "install Terraform 1.10"))
    busy = Probe("ports", lambda: Check("ports", False, "port 4566 is in use", "stop it"))
    with pytest.raises(PreflightError) as raised:
        checks.run(_context(tmp_path, old, busy))
    found = {problem.where: problem.cure for problem in raised.value.problems}
    assert found["terraform"] == "install Terraform 1.10"
    assert found["ports"] == "stop it"
    assert "gitops repository" in found  # tmp_path lies in no Git work tree


def test_a_fit_machine_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "common", lambda config: ())
    done = checks.run(_context(tmp_path, Probe("ports", lambda: Check("ports", True, "free"))))
    assert done.changed is False
    assert done.summary == "1 checks passed"
