"""Custom resources, their operators, and what operators need: rules 1 and 4 of wave order."""

from __future__ import annotations

from bootstrap.lint.graph import Need, Topic
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.examples import app, crd, joined, operator
from bootstrap.lint.rules.order.policy import Policy

_CRD = crd("databases.spotahome.com", "RedisFailover", "redisfailovers")
_CR = """
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
"""


_OPERATOR = operator("redis-operator", "databases.spotahome.com", "redisfailovers", "redisfailovers/status")

MISSING = Rule(
    "operator-missing",
    Severity.ERROR,
    "a custom resource on which nobody acts",
    """Its kind is known, but no workload of the tree may write its status: it lies there and nothing
happens. Where Argo CD knows the kind's health, its wave waits for ever; where not, the wave is Healthy
and what needs the instance fails later. An operator is recognised by the ClusterRole bound to its
ServiceAccount.
Cure: add the operator in a wave between the CRD and the instance.""",
    failing=joined(app("dev-crds", 0), _CRD, app("dev-data", 35), _CR),
    passing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 25), _OPERATOR, app("dev-data", 35), _CR),
)

ORDER = Rule(
    "operator-order",
    Severity.ERROR,
    "a custom resource in an earlier wave than its operator",
    """Rule 1 of wave order: CRD, then operator, then instance. The instance never gets Healthy without
its operator, and the operator's wave never begins before the instance is Healthy: a deadlock. Where
Argo CD knows no health of the kind, the waves go on as if the instance were there, and what needs it
fails.
Cure: the operator before its instances.""",
    failing=joined(app("dev-crds", 0), _CRD, app("dev-data", 20), _CR, app("dev-operators", 25), _OPERATOR),
    passing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 25), _OPERATOR, app("dev-data", 35), _CR),
)

BEFORE_CRD = Rule(
    "operator-before-crd",
    Severity.ERROR,
    "an operator in an earlier wave than a CRD that it watches",
    """Rule 1 of wave order: CRD, then operator, then instance. A controller whose kinds the API server
does not know cannot fill its caches: it ends with 'no matches for kind "…"' and restarts for ever
(CrashLoopBackOff). Its wave never gets Healthy, so the CRD's never begins.
Cure: CRDs in the first wave.
Source: https://github.com/kubernetes-sigs/controller-runtime (source.Kind)""",
    failing=joined(app("dev-operators", 1), _OPERATOR, app("dev-crds", 2), _CRD),
    passing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 1), _OPERATOR),
)

WATCHED_MISSING = Rule(
    "operator-crd-missing",
    Severity.WARNING,
    "an operator without one of the CRDs that it watches",
    """Other CRDs of the group are there, so the operator is meant to work; a controller whose kinds are
not all known often ends with 'no matches for kind "…"' and restarts for ever. Some operators switch
such a controller off instead.
Cure: bring all CRDs of the operator's own version; or suppress this with the flag that switches the
controller off as the reason.""",
    failing=joined(
        app("dev-crds", 0),
        _CRD,
        app("dev-operators", 1),
        operator("redis-operator", "databases.spotahome.com", "redisbackups", "redisbackups/status"),
    ),
    passing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 1), _OPERATOR),
)

_ESO_CRD = crd("external-secrets.io", "ExternalSecret", "externalsecrets")
_EXTERNAL = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: default}
spec: {target: {name: db}}
"""
_ESO = operator("external-secrets", "external-secrets.io", "externalsecrets", "externalsecrets/status")

ESO_ORDER = Rule(
    "eso-order",
    Severity.ERROR,
    "an ExternalSecret in an earlier wave than External Secrets Operator",
    """Nobody makes the Secret, Argo CD waits for the ExternalSecret to be Ready, and the operator's
wave never begins: a deadlock. ("Wave 10 is stuck" means: look at secrets first.)
Cure: the operator in a wave before every ExternalSecret and store.
Source: https://github.com/argoproj/argo-cd/blob/master/resource_customizations/external-secrets.io/ExternalSecret/health.lua
""",
    failing=joined(app("dev-crds", 0), _ESO_CRD, app("dev-secrets", 10), _EXTERNAL, app("dev-eso", 11), _ESO),
    passing=joined(app("dev-crds", 0), _ESO_CRD, app("dev-eso", 10), _ESO, app("dev-secrets", 11), _EXTERNAL),
)

GAP = Rule(
    "data-gap",
    Severity.WARNING,
    "data instances in the wave right after their operators, or in the same one",
    """Rule 4 of wave order: a gap between data operators and data instances, so that a failure points
at one of them. In one wave nobody can tell whether the operator or the database is what does not start;
and with no number free between them there is no place for a check, a backup's restore or a migration.
Cure: at least one unused number between them.""",
    failing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 25), _OPERATOR, app("dev-data", 26), _CR),
    passing=joined(app("dev-crds", 0), _CRD, app("dev-operators", 25), _OPERATOR, app("dev-data", 35), _CR),
)


def _of_eso(need: Need) -> bool:
    return need.user.key.kind.group == "external-secrets.io"


POLICIES: tuple[Policy, ...] = (
    Policy(
        Topic.OPERATOR,
        MISSING,
        ESO_ORDER,
        why_missing="nobody makes the Secret",
        why_late="nobody makes the Secret, and the wave of who would make it never begins",
        cure="add External Secrets Operator in an earlier wave",
        only=_of_eso,
    ),
    Policy(
        Topic.OPERATOR,
        MISSING,
        ORDER,
        why_missing="nothing ever happens with it",
        why_late="it does not get Healthy without its operator, whose wave waits for that",
        cure="add {wanted} in a wave before it",
    ),
    Policy(
        Topic.OPERATOR_CRD,
        WATCHED_MISSING,
        BEFORE_CRD,
        why_missing="the operator may crash with 'no matches for kind'",
        why_late="before that the operator crashes with 'no matches for kind', and its own wave waits for it",
        cure="add {wanted}, of the operator's own version, to the CRDs' wave",
    ),
    Policy(
        Topic.OPERATOR_APART,
        late=GAP,
        why_late="when this wave fails, nobody can tell whether the operator or the instance is to blame",
        race=Severity.WARNING,
        together=Severity.WARNING,
        gap=2,
    ),
)
RULES: tuple[Rule, ...] = (MISSING, ORDER, BEFORE_CRD, WATCHED_MISSING, ESO_ORDER, GAP)
