"""READ FIRST. The procedure as data: which steps there are, what each needs, and its deadline.

    up     checks → [target prepares] → preflight, lint → backend → lock → terraform ─┬→ seeds ─────────────┐
                                                                                      └→ access ─┬→ nodes ──┤
                                                                                                 ├→ eso ────┤
                                                                                                 └→ argocd ─┤
                                                                                 verify ← waves ← root-app ←┘
    up --from-backup    as `up`, and: lint → restore-check → backend, lifetime → restore-order → terraform →
                        restore-source → access → restore-tidy → nodes, eso, argocd; verify → restore-verify
    backup [target wakes] → lock → vault → snapshot → store → [target keeps]
    down   [target wakes] → lock → teardown (in the cluster) → sweep → destroy → leftovers → [disposes]

A step is a function from Context to a result (a frozen dataclass, kept by its type for later steps).
Steps never print, exit or keep a journal; each asks the world what is left to do: a run resumes by looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bootstrap.config.model import KEEP, Environment
from bootstrap.core.errors import PermanentError
from bootstrap.run.context import Context
from bootstrap.run.step import Done, Plan, Step
from bootstrap.targets.base import Phases

if TYPE_CHECKING:
    from bootstrap.aws.environments import Record
    from bootstrap.steps.restore import Wish
    from bootstrap.steps.rotate import Rotation


def build_up(config: Environment, phases: Phases) -> Plan:
    """The steps from nothing to a healthy cluster. Announced before anything is touched."""
    from bootstrap.steps import (  # noqa: PLC0415 - steps import boto3 and the like; `--help` must not
        access,
        archive,
        argocd,
        backend,
        checks,
        eso,
        lifetime,
        lint,
        lock,
        nodes,
        preflight,
        root_app,
        seeds,
        terraform,
        verify,
        waves,
    )

    first = (Step("checks", "Check this machine", checks.run),)
    during = tuple(step.name for step in phases.during)
    steps = (
        Step("preflight", "Check account and names", preflight.run),
        # It needs helm and kustomize, not the target itself: it is through before the target is prepared.
        Step("lint", "Check the order of waves", lint.run, ("checks", *phases.tools_from)),
        Step("backend", "State bucket", backend.run, ("preflight", "lint")),
        Step("lock", "Run lock", lock.run, ("backend",)),
        Step("lifetime", "Record in SSM, with expiry", lifetime.run, ("lock",)),
        Step("archive", "Archive of the databases", archive.run, ("lifetime",)),
        Step("terraform", "Terraform: VPC, EC2, SSM facts", terraform.run, ("archive",), deadline=3600),
        Step("seeds", "Seed SSM parameters", seeds.run, ("terraform",)),
        Step("access", "Kubeconfig and API server", access.run, ("terraform",), deadline=1200),
        Step("nodes", f"{len(config.nodes)} nodes Ready", nodes.run, ("access",), deadline=1200),
        Step("eso", "External Secrets Operator", eso.run, ("access",)),
        Step("argocd", "Argo CD", argocd.run, ("access",)),
        Step("root-app", "Root Application", root_app.run, ("seeds", "nodes", "eso", "argocd")),
        *phases.during,
        Step("waves", "Sync waves", waves.run, ("root-app", *during), deadline=_all_waves(config)),
        Step("verify", "Verify", verify.run, ("waves",)),
    )
    if config.archive is None:
        steps = _without("archive", steps, instead=("lifetime",))
    mine = tuple(_with_deadline(step, config) for step in steps)
    return Plan("up", _after(_after(first, phases.before), mine))


def build_restore(config: Environment, phases: Phases, wish: Wish) -> Plan:
    """As `up`, but secrets and etcd begin with what a backup holds, and are held against it at the end."""
    from bootstrap.steps import preflight, restore  # noqa: PLC0415 - as above

    def stepped(
        name: str, title: str, run: Callable[[Context], Done], *needs: str, deadline: float = 600
    ) -> Step:
        return _with_deadline(Step(name, title, run, needs, deadline), config)

    wait_for = {
        "backend": "restore-check",
        "terraform": "restore-order",
        "access": "restore-source",
        "nodes": "restore-tidy",
        "eso": "restore-tidy",
        "argocd": "restore-tidy",
    }
    up = tuple(
        replace(step, needs=(*step.needs, wait_for[step.name])) if step.name in wait_for else step
        for step in build_up(config, phases).steps
    )
    up = tuple(
        replace(step, run=partial(preflight.run, restoring=True)) if step.name == "preflight" else step
        for step in up
    )
    more = (
        stepped(
            "restore-check", "Look at the backup", partial(restore.check, wish=wish), "preflight", "lint"
        ),
        stepped("restore-order", "Order the restore", restore.order, "lifetime"),
        stepped("restore-source", "Hand over etcd's snapshot", restore.source, "terraform", "restore-order"),
        stepped("restore-tidy", "Remove what is gone", restore.tidy, "access"),
        stepped("restore-verify", "Compare with the backup", restore.verify, "verify"),
    )
    return Plan("up", _sorted((*up, *more)))


def build_backup(config: Environment, phases: Phases) -> Plan:
    """Everything that an empty account needs to become this environment again."""
    from bootstrap.steps import backup, lock  # noqa: PLC0415 - as above

    steps = (
        Step("lock", "Run lock", lock.run),
        Step("vault", "Bucket and key", backup.begin, ("lock",)),
        Step("snapshot", "Snapshot of etcd", partial(backup.take, snapshot=phases.snapshot), ("vault",)),
        Step("store", "Encrypted, to S3", backup.store, ("snapshot",)),
    )
    mine = tuple(_with_deadline(step, config) for step in steps)
    kept = tuple(replace(step, needs=(*step.needs, "store")) for step in phases.backed_up)
    return Plan("backup", (*_after(phases.wake, mine), *kept))


def build_drill(config: Environment, phases: Phases) -> Plan:
    """As `up`, then the users' own checks."""
    from bootstrap.steps import smoke  # noqa: PLC0415 - as above

    checks = Step("smoke", f"{len(config.drill.smoke)} smoke checks", smoke.run, ("verify",), attempts=1)
    return Plan("drill", (*build_up(config, phases).steps, _with_deadline(checks, config)))


def build_down(config: Environment, phases: Phases, *, exists: bool) -> Plan:
    """The way back to nothing. Where nothing `exists`, only the target's own steps are left."""
    from bootstrap.steps import destroy, keep, leftovers, lock, sweep, teardown  # noqa: PLC0415 - as above

    steps: tuple[Step, ...] = (
        Step("lock", "Run lock", lock.run),
        Step("keep", "Secrets that are to stay", keep.run, ("lock",)),
        Step("teardown", "Remove Applications", teardown.run, ("lock",), attempts=2),
        Step("sweep", "Remove what controllers left", sweep.run, ("teardown",), attempts=2),
        Step("destroy", "Terraform destroy", destroy.run, ("keep", "sweep"), deadline=3600),
        Step("leftovers", "Find and remove what is left", leftovers.run, ("destroy",)),
    )
    if config.teardown.secrets != KEEP:
        steps = _without("keep", steps)
    mine = tuple(_with_deadline(step, config) for step in steps) if exists else ()
    return Plan("down", _after(_after(phases.wake, mine) if mine else (), phases.after))


def build_reap(expired: Sequence[Record], phases: Phases) -> Plan:
    """Environments whose time is over, one after the other; one that fails keeps no other from going."""
    from bootstrap.steps import reap  # noqa: PLC0415 - as above

    failures: list[PermanentError] = []
    steps: list[Step] = []
    for record in expired:
        work = partial(reap.attempt, record=record, failures=failures)
        before = tuple(step.name for step in steps[-1:])
        steps.append(Step(record.title, f"Remove {record.title}", work, before, deadline=2700))
    last = Step("outcome", "Nothing expired is left", partial(reap.judge, failures=failures))
    steps.append(replace(last, needs=tuple(step.name for step in steps[-1:])))
    return Plan("reap", _after(phases.wake, tuple(steps)))


def build_rotate(config: Environment, phases: Phases, request: Rotation) -> Plan:
    """New values for secrets, followed until the cluster has them."""
    from bootstrap.steps import lock, rotate  # noqa: PLC0415 - as above

    steps = (
        Step("lock", "Run lock", lock.run),
        Step("renew", "New values in SSM", partial(rotate.renew, request=request), ("lock",)),
        Step("follow", "Secrets in the cluster", rotate.follow, ("renew",)),
        Step("users", "Workloads that use them", partial(rotate.tell_users, request=request), ("follow",)),
        Step("settle", "Close the rotation", rotate.settle, ("users",)),
    )
    return Plan("rotate", _after(phases.wake, tuple(_with_deadline(step, config) for step in steps)))


def _after(first: tuple[Step, ...], then: tuple[Step, ...]) -> tuple[Step, ...]:
    """Both, where the steps of `then` that need nothing wait for all of `first`."""
    names = tuple(step.name for step in first)
    return first + tuple(step if step.needs else replace(step, needs=names) for step in then)


def _sorted(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """In an order in which they could run one by one, otherwise as they stand."""
    left, done = list(steps), list[Step]()
    while left:
        names = {step.name for step in done}
        done.append(left.pop(next(i for i, step in enumerate(left) if names.issuperset(step.needs))))
    return tuple(done)


def _without(name: str, steps: tuple[Step, ...], instead: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """The others; who waited for it waits for those `instead`."""
    return tuple(
        replace(step, needs=(*(need for need in step.needs if need != name), *instead))
        if name in step.needs
        else step
        for step in steps
        if step.name != name
    )


def _with_deadline(step: Step, config: Environment) -> Step:
    return replace(step, deadline=config.deadlines.get(step.name, step.deadline))


def _all_waves(config: Environment) -> float:
    """Waves have deadlines of their own; the step's is only a last resort (seconds)."""
    return max(4 * 3600.0, 20 * config.waves.deadline)
