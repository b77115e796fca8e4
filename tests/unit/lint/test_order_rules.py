"""Words, severities and orders of what the rules of order find."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.gitops.model import Tree
from bootstrap.lint.graph import build
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.order import Before
from bootstrap.lint.rules import RULES, constraints
from bootstrap.lint.rules.order import check
from bootstrap.lint.rules.order.policies import POLICIES
from bootstrap.lint.rules.rule import Rule, read
from tests.lint_objects import tree
from tests.unit.lint.examples import app, crd, deployment, joined, operator


def findings(text: str, rule: str = "") -> list[Finding]:
    one = tree(text)
    return [found for found in check(one, build(one)) if not rule or found.rule == rule]


def test_a_finding_names_both_objects_with_application_and_wave_and_the_cure() -> None:
    (found,) = findings(read("namespace-order").failing)
    assert found.subject == "ConfigMap api/settings of Application dev-policies (wave 1)"
    assert found.other == "Namespace api of Application dev-namespaces (wave 2)"
    assert 'sync-wave: "3"' in found.cure
    assert "Application dev-policies" in found.cure and "Application dev-namespaces" in found.cure
    assert found.where.line > 1


def test_users_of_one_thing_in_one_application_are_one_finding() -> None:
    two = "".join(
        f"\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {n}, namespace: x}}\n---" for n in "ab"
    )
    (found,) = findings(f"{app('one', 1)}---{two}")
    assert found.subject.endswith("(wave 1) and 1 more")


def test_a_race_for_a_hard_need_is_an_error_and_for_a_soft_one_nothing() -> None:
    hard = read("namespace-order").failing.replace('"1"', '"2"')
    assert [found.severity for found in findings(hard)] == [Severity.ERROR]
    soft = read("config-map-order").failing.replace('"2"', '"3"')
    assert findings(soft) == []


def test_crds_and_namespaces_of_the_same_sync_come_first_whatever_their_wave() -> None:
    late = """
apiVersion: v1
kind: Namespace
metadata: {name: x, annotations: {argocd.argoproj.io/sync-wave: "5"}}
"""
    user = "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: x}\n"
    assert findings(joined(app("one", 1), user, late)) == []


def test_a_set_without_rolling_sync_is_told_to_have_one() -> None:
    made = """
kind: Application
metadata: {{name: {0}, ownerReferences: [{{kind: ApplicationSet, name: web}}]}}
"""
    text = joined(
        "kind: ApplicationSet\nmetadata: {name: web}\n",
        made.format("a"),
        crd("g.io", "Thing", "things"),
        made.format("b"),
        "\napiVersion: g.io/v1\nkind: Thing\nmetadata: {name: t, namespace: default}\n",
    )
    (found,) = findings(text, "crd-order")
    assert "RollingSync in ApplicationSet web" in found.cure and "a in an earlier step" in found.cure


def test_the_six_rules_of_the_platform_have_their_examples() -> None:
    six = (
        *("crd-order", "operator-order", "operator-before-crd", "network-policy-before-cni"),
        *("network-before-secrets", "secret-order", "monitoring-before-ingress-controller"),
        *("external-dns-before-ingress-controller", "data-gap", "monitor-order"),
        "apps-before-infrastructure",
    )
    for rule in six:
        assert Rule(rule) in RULES
        assert findings(read(rule).failing, rule)
        assert not findings(read(rule).passing, rule)


def test_monitors_of_what_an_operator_makes_want_a_later_wave_in_the_same_application() -> None:
    instance = """
apiVersion: rabbitmq.com/v1beta1
kind: RabbitmqCluster
metadata: {name: mq, namespace: default}
"""
    monitor = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: mq, namespace: default, annotations: {argocd.argoproj.io/sync-wave: "WAVE"}}
spec: {selector: {matchLabels: {app: mq}}}
"""
    text = joined(app("data", 35), instance, monitor)
    assert findings(text.replace("WAVE", "0"), "monitor-order")
    assert not findings(text.replace("WAVE", "1"), "monitor-order")


def test_constraints_say_how_far_apart() -> None:
    text = joined(
        app("crds", 0),
        crd("databases.spotahome.com", "RedisFailover", "redisfailovers"),
        app("operators", 25),
        operator("redis", "databases.spotahome.com", "redisfailovers/status"),
        app("data", 35),
        "\napiVersion: databases.spotahome.com/v1\nkind: RedisFailover\n"
        "metadata: {name: cache, namespace: default}\n",
    )
    one = tree(text)
    assert set(constraints(one, build(one))) == {
        Before("crds", "data", 1),
        Before("crds", "operators", 0),
        Before("operators", "data", 2),
    }


def test_every_policy_says_what_happens_and_what_to_do() -> None:
    for policy in POLICIES:
        if policy.missing and policy.cure:
            assert policy.why_missing
        if policy.late:
            assert policy.why_late


TEXT = joined(
    app("crds", 0),
    crd("databases.spotahome.com", "RedisFailover", "redisfailovers"),
    app("namespaces", 2),
    "\napiVersion: v1\nkind: Namespace\nmetadata: {name: api}\n",
    app("operators", 25),
    operator("redis", "databases.spotahome.com", "redisfailovers/status"),
    app("config", 30),
    "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: default}\n",
    app("data", 35),
    "\napiVersion: databases.spotahome.com/v1\nkind: RedisFailover\n"
    "metadata: {name: cache, namespace: api}\n",
    app("web", 60),
    deployment("web", container="envFrom: [{configMapRef: {name: web}}]"),
)
USERS, PROVIDERS = ("data", "web"), ("crds", "namespaces", "operators", "config")


def shifted(one: Tree, by: dict[str, int]) -> Tree:
    def wave(name: str, now: int) -> int:
        return now + by.get(name, 0)

    apps = (replace(each, position=(wave(each.name, each.wave),)) for each in one.apps)
    return replace(one, apps=tuple(sorted(apps, key=lambda each: (each.position, each.name))))


def pairs(one: Tree) -> set[tuple[str, str]]:
    """Rule and user of what is found; a cycle is not a matter of waves."""
    return {(found.rule, found.subject.partition(" of ")[0]) for found in check(one, build(one))}


SHIFTS = st.dictionaries(st.sampled_from((*USERS, *PROVIDERS)), st.integers(-70, 70))


@given(SHIFTS, st.integers(0, 70))
def test_moving_what_needs_nothing_later_never_removes_a_finding(by: dict[str, int], later: int) -> None:
    """Namespaces and the ConfigMap's Application are users of nothing."""
    before = shifted(tree(TEXT), by)
    for provider in ("namespaces", "config", "crds"):
        assert pairs(before) <= pairs(shifted(before, {provider: later}))


@given(SHIFTS)
def test_orders_that_hold_leave_nothing_to_find(by: dict[str, int]) -> None:
    moved = shifted(tree(TEXT), by)
    graph = build(moved)
    waves = {one.name: one.wave for one in moved.apps}
    hold = all(waves[one.then] - waves[one.first] >= one.gap for one in constraints(moved, graph))
    assert hold == (not list(check(moved, graph)))
