"""A whole run as stamped events, for tests of everything that reads them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from bootstrap.render.view import RunView, see
from bootstrap.run import events as ev

START = 1_790_000_000.0  # Unix seconds

PLANNED = (
    ev.PlannedStep("toolchain", "Toolchain", (), 1800),
    ev.PlannedStep("preflight", "Check account, tools and names", ("toolchain",), 600),
    ev.PlannedStep("terraform", "Terraform: VPC, EC2, SSM facts", ("preflight",), 3600),
    ev.PlannedStep("seeds", "Seed SSM parameters", ("terraform",), 600),
    ev.PlannedStep("nodes", "3 nodes Ready", ("terraform",), 1200),
    ev.PlannedStep("waves", "Sync waves", ("seeds", "nodes"), 14400),
    ev.PlannedStep("verify", "Verify", ("waves",), 600),
)

BEGINNING: tuple[tuple[float, ev.Event], ...] = (
    (0.0, ev.RunStarted("20260921T141320Z", "up", "local", "local", PLANNED)),
    (0.0, ev.StepStarted("toolchain")),
    (0.2, ev.StepFinished("toolchain", "found in the cache", satisfied=True)),
    (0.2, ev.StepStarted("preflight")),
    (1.4, ev.StepRetry("preflight", 1, 2.0, "EC2 answers slowly")),
    (3.4, ev.StepStarted("preflight", 2)),
    (4.0, ev.StepFinished("preflight", "account 123456789012, 14 checks")),
    (4.0, ev.StepStarted("terraform")),
    (6.5, ev.StepProgress("terraform", "aws_vpc.main: creating")),
    (16.6, ev.ResourceChanged("terraform", "create", "aws_vpc.main", 10.1)),
    (17.0, ev.ResourceChanged("terraform", "create", 'aws_instance.node["cp"]', 10.0)),
    (26.3, ev.StepFinished("terraform", "2 created")),
    (26.3, ev.StepStarted("seeds")),
    (26.3, ev.StepStarted("nodes")),
    (26.9, ev.Notice("2 uncommitted changes below manifests/ are rehearsed")),
    (27.1, ev.StepFinished("seeds", "18 written")),
    (27.2, ev.NodeSeen("cp", "NotReady: container runtime is down")),
    (27.3, ev.NodeSeen("api-auth", "ready")),
    (27.4, ev.NodeSeen("postgresql", "ready")),
)

MIDDLE: tuple[tuple[float, ev.Event], ...] = (
    (30.0, ev.NodeSeen("cp", "ready")),
    (30.1, ev.StepFinished("nodes", "3 of 3 ready")),
    (30.2, ev.StepStarted("waves")),
    (31.0, ev.WavesPlanned(((0, ("dev-crds",)), (10, ("dev-eso",)), (60, ("dev-auth", "dev-chat"))))),
    (31.0, ev.WaveStarted(0, ("dev-crds",))),
    (32.0, ev.SourceServed("https://charts.example.com/grafana", "8.5.1", "stand-in")),
    (32.0, ev.SourceServed("https://charts.example.com/external-secrets", "0.19.2", "cache")),
    (33.0, ev.AppSeen(0, "dev-crds", "OutOfSync", "Missing")),
    (36.0, ev.AppSeen(0, "dev-crds", "Synced", "Healthy")),
    (36.0, ev.WaveFinished(0, 5.0)),
    (36.0, ev.WaveStarted(10, ("dev-eso",), 7.0, 19.0)),
    (36.2, ev.StepProgress("waves", "wave 10: dev-eso Progressing")),
    (38.0, ev.AppSeen(10, "dev-eso", "Synced", "Progressing", "waiting for rollout of\nexternal-secrets")),
)

SUCCESS: tuple[tuple[float, ev.Event], ...] = (
    (44.0, ev.AppSeen(10, "dev-eso", "Synced", "Healthy")),
    (44.0, ev.WaveFinished(10, 8.0)),
    (44.0, ev.WaveStarted(60, ("dev-auth", "dev-chat"))),
    (50.0, ev.AppSeen(60, "dev-auth", "Synced", "Healthy")),
    (52.0, ev.AppSeen(60, "dev-chat", "Synced", "Healthy")),
    (52.0, ev.WaveFinished(60, 8.0)),
    (52.1, ev.StepFinished("waves", "3 waves healthy")),
    (52.1, ev.StepStarted("verify")),
    (53.0, ev.StepFinished("verify", "4 apps, 6 ExternalSecrets, 2 Ingresses")),
    (53.0, ev.RunFinished("succeeded", 0, 53.0)),
)

FAILURE: tuple[tuple[float, ev.Event], ...] = (
    (
        49.0,
        ev.Diagnosed(
            10,
            "dev-eso",
            "parameter-missing",
            "blocked",
            ("Application dev-eso", "ExternalSecret auth/postgres"),
            "no SSM parameter /eco2/dev/x",
            "aws ssm put-parameter --name /eco2/dev/x",
        ),
    ),
    (
        98.0,
        ev.StepFailed(
            "waves",
            "wave 10 is stuck: dev-eso\n  ExternalSecret auth/postgres: <no SSM parameter /eco2/dev/x>",
            "bootstrap up --environment local\naws ssm put-parameter --name /eco2/dev/x",
        ),
    ),
    (98.0, ev.RunStopping("waves failed")),
    (
        98.1,
        ev.RunFinished(
            "failed",
            5,
            98.1,
            "waves: wave 10 is stuck: dev-eso",
            "bootstrap up --environment local\nto go on where it stopped: bootstrap up",
        ),
    ),
)

# What only `down` and a drill tell.
ORDER = ev.WaveOrderJudged(
    False,
    violations=("b (wave 10) was created 3 s before a (wave 0) became Healthy",),
    unproven=("c (wave 20)",),
    apps=(ev.AppTimes("a", 0, 1.0, 5.0, True), ev.AppTimes("b", 10, 2.0, 9.0, False)),
)

REST: tuple[tuple[float, ev.Event], ...] = (
    (53.5, ORDER),
    (54.0, ev.SmokeChecked("login", True, 1.0)),
    (55.0, ev.SmokeChecked("pay", False, 2.0, "no such host (exit 6)")),
    (56.0, ev.StepStopped("waves", "interrupted")),
    (57.0, ev.ResourceKept("leftovers", "s3 bucket b", "teardown.backups is keep")),
    (58.0, ev.ResourceLeft("leftovers", "ec2 volume vol-1", "is still there", "aws ec2 delete-volume")),
)


def stamped(story: Iterable[tuple[float, ev.Event]]) -> list[ev.Stamped]:
    return [ev.Stamped(START + elapsed, elapsed, event) for elapsed, event in story]


def picture(*parts: tuple[tuple[float, ev.Event], ...]) -> RunView:
    """The picture after these parts of the story."""
    return reduce(see, stamped(each for part in parts for each in part), RunView())
