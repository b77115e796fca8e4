"""A report with something of everything, for the tests of its forms."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.gitops.model import Location, Unchecked
from bootstrap.lint.model import Finding, Severity, Suppressed
from bootstrap.lint.report import Report
from bootstrap.lint.rules.rule import Rule, RuleText

APPS = "manifests/clusters/dev/apps"

TEXTS = {
    "crd-before-instance": RuleText(
        Severity.ERROR,
        "a custom resource comes before its CRD",
        "The sync stops: the API server does not know the kind yet.",
        "move it to a later wave",
        ("platform rule 1",),
        'kind: A\nwave: "1"\n',
        'kind: A\nwave: "2"\n',
        "The sync stops.\n\n## Cure\n\nmove it to a later wave",
    ),
    "replicas-and-autoscaler": RuleText(Severity.WARNING, "two owners of replicas", "An endless diff."),
    "healthy": RuleText(Severity.ERROR, "nothing finds this", "It never fails."),
}
RULES = tuple(Rule(rule, TEXTS.__getitem__) for rule in TEXTS)

LATE = Finding(
    "crd-before-instance",
    Severity.ERROR,
    Location(f"{APPS}/10-secrets-operator.yaml", 3),
    "ExternalSecret auth/postgres of Application dev-secrets-cr (wave 9)",
    "CustomResourceDefinition externalsecrets.external-secrets.io of Application dev-operator (wave 10)",
    "the API server answers 'no matches for kind ExternalSecret' and the sync of wave 9 fails until its "
    "retries are used up; wave 10 never starts",
    "bootstrap lint --fix",
)
DIFF = Finding(
    "replicas-and-autoscaler",
    Severity.WARNING,
    Location("manifests/apis/a b/ü.yaml", 14),
    "Deployment auth/auth of Application dev-api-auth",
    "",
    "the autoscaler and Argo CD\nboth set replicas <forever> & ever",
    "",
)
ADVICE = Finding(
    "crd-before-instance", Severity.INFO, Location("a.yaml"), "Application x", "", "it could be better", "do"
)

EMPTY = Report("dev", RULES, 15, 15, 412, seconds=0.8)

FULL = Report(
    "dev",
    RULES,
    15,
    14,
    412,
    findings=(DIFF, LATE, ADVICE),
    suppressed=(
        Suppressed(
            replace(DIFF, subject="Deployment my/my of Application dev-my"), "scaled by hand at night"
        ),
    ),
    unchecked=(
        Unchecked(
            "Application dev-grafana",
            "chart grafana 8.5.1 could not be fetched: no route to host",
            Location(f"{APPS}/21-grafana.yaml", 17),
            "run it once with network",
        ),
    ),
    advice=("waves 20 and 25 could be one: about 12 s less",),
    stand_ins=("pgo", "redis-operator"),
    seconds=3.41,
)
