"""READ FIRST. The procedure as data: which steps there are, what each needs, and its deadline.

    up     checks → [target prepares] → preflight, tree → lint
              → backend → lock → terraform ─┬→ seeds ─────────────┐
                                            └→ access ─┬→ nodes ──┤
                                                       ├→ eso ────┤
                                                       └→ argocd ─┤
                                       verify ← waves ← root-app ←┘
    drill  as `up`, and: lock → vacancy → lifetime; verify → smoke; then `down`
    up --from-backup    as `up`, and: lint → restore-check → backend, lifetime → restore-order → terraform →
                        restore-source → access → restore-tidy → nodes, eso, argocd; verify → restore-verify
    backup [target wakes] → lock → vault → snapshot → store → [target keeps]
    down   [target wakes] → lock → teardown (in the cluster) → sweep → destroy → leftovers → [disposes]

A step is a function from Context to a result (a frozen dataclass, kept by its type for later steps).
Steps never print, exit or keep a journal; each asks the world what is left to do: a run resumes by looking.

Plans are put together from groups of steps. A group is a function; what it has to wait for besides its own
needs is given to it (`*also`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bootstrap.aws.environments import Record
from bootstrap.config.model import KEEP, Environment
from bootstrap.core.errors import PermanentError
from bootstrap.run.step import Plan, Step, chain
from bootstrap.steps import (
    access,
    archive,
    argocd,
    backend,
    backup,
    checks,
    destroy,
    eso,
    keep,
    leftovers,
    lifetime,
    lint,
    lock,
    nodes,
    preflight,
    reap,
    restore,
    root_app,
    rotate,
    seeds,
    smoke,
    sweep,
    teardown,
    terraform,
    tree,
    vacancy,
    verify,
    waves,
)
from bootstrap.steps.restore import RestoreRequest
from bootstrap.steps.rotate import Rotation
from bootstrap.targets.base import Phases

Steps = tuple[Step, ...]


def build_up(config: Environment, phases: Phases) -> Plan:
    """The steps from nothing to a healthy cluster. Announced before anything is touched."""
    return Plan.of("up", _up(config, phases), config.deadlines)


def build_drill(config: Environment, phases: Phases) -> Plan:
    """As `up`, but only where nothing is yet; then the users' own checks."""
    own = Step("smoke", f"{len(config.drill.smoke)} smoke checks", smoke.run, ("verify",), attempts=1)
    return Plan.of("drill", (*_up(config, phases, empty=True), own), config.deadlines)


def build_restore(config: Environment, phases: Phases, request: RestoreRequest) -> Plan:
    """As `up`, but secrets and etcd begin with what a backup holds, and are held against it at the end."""
    check = partial(restore.check, request=request)
    steps = chain(
        _machine(),
        phases.before,
        (
            *_fitness(phases, restoring=True),
            Step("restore-check", "Look at the backup", check, ("preflight", "lint")),
            *_account(config, "restore-check"),
            Step("restore-order", "Order the restore", restore.order, ("lifetime",)),
            *_infrastructure(config, "restore-order"),
            Step(
                "restore-source", "Hand over etcd's snapshot", restore.source, ("terraform", "restore-order")
            ),
            _access("restore-source"),
            Step("restore-tidy", "Remove what is gone", restore.tidy, ("access",)),
            *_cluster(config, "restore-tidy"),
            *_platform(config, phases),
            Step("restore-verify", "Compare with the backup", restore.verify, ("verify",)),
        ),
    )
    return Plan.of("up", steps, config.deadlines)


def build_backup(config: Environment, phases: Phases) -> Plan:
    """Everything that an empty account needs to become this environment again."""
    steps = (
        Step("lock", "Run lock", lock.run),
        Step("vault", "Bucket and key", backup.begin, ("lock",)),
        Step("snapshot", "Snapshot of etcd", partial(backup.take, snapshot=phases.snapshot), ("vault",)),
        Step("store", "Encrypted, to S3", backup.store, ("snapshot",)),
    )
    return Plan.of("backup", chain(phases.wake, steps, phases.backed_up), config.deadlines)


def build_down(config: Environment, phases: Phases, *, exists: bool) -> Plan:
    """The way back to nothing. Where nothing `exists`, only the target's own steps are left."""
    keeping = config.teardown.secrets == KEEP
    kept = (Step("keep", "Secrets that are to stay", keep.run, ("lock",)),) if keeping else ()
    steps = (
        Step("lock", "Run lock", lock.run),
        *kept,
        Step("teardown", "Remove Applications", teardown.run, ("lock",), attempts=2),
        Step("sweep", "Remove what controllers left", sweep.run, ("teardown",), attempts=2),
        Step(
            "destroy",
            "Terraform destroy",
            destroy.run,
            (*(step.name for step in kept), "sweep"),
            deadline=3600,
        ),
        Step("leftovers", "Find and remove what is left", leftovers.run, ("destroy",)),
    )
    return Plan.of("down", chain(*((phases.wake, steps) if exists else ()), phases.after), config.deadlines)


def build_reap(config: Environment, phases: Phases, expired: Sequence[Record]) -> Plan:
    """Environments whose time is over, one after the other; one that fails keeps no other from going."""
    failures: list[PermanentError] = []
    removals = (
        (
            Step(
                record.title,
                f"Remove {record.title}",
                partial(reap.attempt, record=record, failures=failures),
                deadline=2700,
            ),
        )
        for record in expired
    )
    outcome = Step("outcome", "Nothing expired is left", partial(reap.judge, failures=failures))
    return Plan.of("reap", chain(phases.wake, *removals, (outcome,)), config.deadlines)


def build_rotate(config: Environment, phases: Phases, request: Rotation) -> Plan:
    """New values for secrets, followed until the cluster has them."""
    steps = (
        Step("lock", "Run lock", lock.run),
        Step("renew", "New values in SSM", partial(rotate.renew, request=request), ("lock",)),
        Step("follow", "Secrets in the cluster", rotate.follow, ("renew",)),
        Step("users", "Workloads that use them", partial(rotate.tell_users, request=request), ("follow",)),
        Step("settle", "Close the rotation", rotate.settle, ("users",)),
    )
    return Plan.of("rotate", chain(phases.wake, steps), config.deadlines)


def _up(config: Environment, phases: Phases, *, empty: bool = False) -> Steps:
    return chain(
        _machine(),
        phases.before,
        (
            *_fitness(phases),
            *_account(config, empty=empty),
            *_infrastructure(config),
            _access(),
            *_cluster(config),
            *_platform(config, phases),
        ),
    )


def _machine() -> Steps:
    return (Step("checks", "Check this machine", checks.run),)


def _fitness(phases: Phases, *, restoring: bool = False) -> Steps:
    """What refuses a run before anything is made."""
    return (
        Step("preflight", "Check account and names", partial(preflight.run, restoring=restoring)),
        # It needs helm and kustomize, not the target itself: it is through before the target is prepared.
        Step("tree", "Read the GitOps repository", tree.run, ("checks", *phases.tools_from)),
        Step("lint", "Check the order of waves", lint.run, ("tree",)),
    )


def _account(config: Environment, *also: str, empty: bool = False) -> Steps:
    """The environment is written down, and held by this run; `empty`: nothing of it may be there."""
    vacant = Step("vacancy", "Nothing is there yet", vacancy.run, ("lock",))
    databases = Step("archive", "Archive of the databases", archive.run, ("lifetime",))
    return (
        Step("backend", "State bucket", backend.run, ("preflight", "lint", *also)),
        Step("lock", "Run lock", lock.run, ("backend",)),
        *((vacant,) if empty else ()),
        Step("lifetime", "Record in SSM, with expiry", lifetime.run, ("vacancy" if empty else "lock",)),
        *((databases,) if config.archive else ()),
    )


def _infrastructure(config: Environment, *also: str) -> Steps:
    recorded = "archive" if config.archive else "lifetime"
    return (
        Step(
            "terraform",
            "Terraform: VPC, EC2, SSM facts",
            terraform.run,
            (recorded, *also),
            deadline=3600,
        ),
        Step("seeds", "Seed SSM parameters", seeds.run, ("terraform",)),
    )


def _access(*also: str) -> Step:
    return Step("access", "Kubeconfig and API server", access.run, ("terraform", *also), deadline=1200)


def _cluster(config: Environment, *also: str) -> Steps:
    """What Argo CD stands on, and Argo CD."""
    needs = ("access", *also)
    return (
        Step("nodes", f"{len(config.nodes)} nodes Ready", nodes.run, needs, deadline=1200),
        Step("eso", "External Secrets Operator", eso.run, needs),
        Step("argocd", "Argo CD", argocd.run, needs),
    )


def _platform(config: Environment, phases: Phases) -> Steps:
    """From here on Argo CD does the work, and is watched."""
    during = (step.name for step in phases.during)
    return (
        Step("root-app", "Root Application", root_app.run, ("seeds", "nodes", "eso", "argocd")),
        *phases.during,
        Step("waves", "Sync waves", waves.run, ("root-app", *during), deadline=_all_waves(config)),
        Step("verify", "Verify", verify.run, ("waves",)),
    )


def _all_waves(config: Environment) -> float:
    """Waves have deadlines of their own; the step's is only a last resort (seconds)."""
    return max(4 * 3600.0, 20 * config.waves.deadline)
