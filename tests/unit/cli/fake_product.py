"""The command line on a fake target: `python -m tests.unit.cli.fake_product SCENARIO ARGUMENTS…`.

Everything is real but what the lead wires: target, plan, checks, status, preview.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bootstrap import cli, plan, preview, targets
from bootstrap.checks import doctor
from bootstrap.checks.model import Check
from bootstrap.commands import status
from bootstrap.config.model import Environment
from bootstrap.core.errors import Interrupted, StuckError
from bootstrap.run import events as ev
from bootstrap.run.context import Context
from bootstrap.run.step import Done, Plan, Step
from bootstrap.run.target import Part, Shown
from bootstrap.status.model import Status
from bootstrap.steps import backend, lock
from bootstrap.targets.base import Phases
from tests.aws_context import client
from tests.fakes import target

CANARY = "canary-value-7731"
AWS = "BOOTSTRAP_TEST_AWS"  # URL of an AWS; with it, the run is guarded by the run lock


def succeed(context: Context) -> Done:
    context.progress("working")
    return Done("worked")


def look(context: Context) -> Done:
    context.emit(ev.NodeSeen("cp", "ready"))
    context.emit(ev.WavesPlanned(((0, ("dev-crds",)), (10, ("dev-eso",)))))
    for wave, app in ((0, "dev-crds"), (10, "dev-eso")):
        context.emit(ev.WaveStarted(wave, (app,)))
        context.emit(ev.AppSeen(wave, app, "Synced", "Healthy"))
        context.emit(ev.WaveFinished(wave, 0.0))
    return Done("all healthy", changed=False)


def fail(context: Context) -> Done:
    raise StuckError("wave 10 is stuck", "no SSM parameter x", "bootstrap up")


def defect(context: Context) -> Done:
    raise KeyError("the text of a defect")


def leak(context: Context) -> Done:
    secret = context.supplied["BOOTSTRAP_TEST_CANARY"]
    context.progress(f"connecting with {secret}")
    context.emit(ev.Notice(f"notice {secret}"))
    context.emit(ev.ResourceChanged(context.step, "create", f"x[{secret}]", 1.0))
    raise StuckError(f"cannot use {secret}", secret, f"echo {secret}")


def wait(context: Context) -> Done:
    """Stops when told to."""
    context.progress("waiting")
    context.cancel.wait()
    raise Interrupted("stopped")


def deaf(context: Context) -> Done:
    """Never stops by itself."""
    context.progress("waiting")
    context.cancel.wait()
    context.progress("deaf")
    while True:
        time.sleep(60)


SCENARIOS: dict[str, Callable[[Context], Done]] = {
    "succeed": succeed,
    "fail": fail,
    "defect": defect,
    "leak": leak,
    "wait": wait,
    "deaf": deaf,
}


def build(config: Environment, phases: Phases) -> Plan:
    guards: tuple[Step, ...] = ()
    if AWS in os.environ:
        guards = (Step("backend", "Bucket", backend.run), Step("lock", "Run lock", lock.run, ("backend",)))
    first = Step("first", "First step", SCENARIOS[sys.argv[1]], tuple(step.name for step in guards))
    return Plan("up", (*guards, first, Step("second", "Second step", look, ("first",))))


def always(answer: object) -> Callable[..., object]:
    def give(*arguments: object) -> object:
        return answer

    return give


def install(scenario: str) -> None:
    """Put the fakes where the commands look."""
    # There is nothing to take down, so `down` asks no AWS what there is.
    fake = replace(
        target(shown=Shown(billed=scenario == "billed")),
        exists=lambda: False,
        client=lambda service: client(service, os.environ[AWS]),
    )
    found = Status("dev", "fake", (Part("API server", "up"),), (), ())
    shown = preview.Preview("dev", "fake", notices=("nothing is real",))
    ok = scenario != "unfit"
    checks = (Check("git", True, "2.43"), Check("disk", ok, "9 GB free", "" if ok else "free some"))
    for module, name, value in (
        (targets, "open_run", always((fake, Phases()))),
        (plan, "build_up", build),
        (plan, "build_down", lambda config, phases, exists: Plan("down", build(config, phases).steps)),
        (doctor, "run_checks", always(checks)),
        (status, "collect", always(found)),
        (preview, "collect", always(shown)),
    ):
        setattr(module, name, value)


CONFIG = """\
project: eco2
environments:
  dev:
    target: local
    region: ap-northeast-2
    ssm_prefix: /eco2/dev
    network:
      vpc_cidr: 10.0.0.0/16
      public_subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24]
      private_subnets: [10.0.10.0/24, 10.0.11.0/24, 10.0.12.0/24]
    nodes:
      - {name: cp, role: control-plane, instance_type: t3.large, volume_gb: 30, labels: {}}
    terraform: {folder: terraform}
    gitops: {checkout: ., repo_url: "https://git.example.com/p.git", path: apps, install: argocd}
    seeds: []
"""


APPLICATION = """\
kind: Application
metadata: {name: dev-eso, annotations: {argocd.argoproj.io/sync-wave: "10"}}
spec: {}
"""


def lay_out(home: Path, seeds: str = "[]") -> Path:
    """A project that the loader accepts; the path of its configuration."""
    for file in (
        "terraform/dev/main.tf",
        "apps/10-secrets-operator.yaml",
        "argocd/kustomization.yaml",
        ".git/HEAD",
    ):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).touch()
    (home / "apps/10-secrets-operator.yaml").write_text(APPLICATION, encoding="utf-8")
    path = home / "bootstrap.yaml"
    path.write_text(CONFIG.replace("seeds: []", f"seeds: {seeds}"), encoding="utf-8")
    return path


if __name__ == "__main__":
    install(sys.argv[1])
    cli.main(sys.argv[2:])
