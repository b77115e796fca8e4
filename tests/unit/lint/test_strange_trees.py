"""What trees of strangers have taught: what something that cannot be rendered may bring is not missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.core.rendering import UNKNOWN
from bootstrap.gitops.model import Blank, Manifest, Tree, Unchecked
from bootstrap.lint import rules
from bootstrap.lint.graph import build
from bootstrap.lint.model import Finding
from bootstrap.lint.report import Report
from bootstrap.lint.report.text import FEW, render
from bootstrap.lint.rules.secrets import credentials
from tests.lint_objects import tree

ROLLOUT = """
kind: Application
metadata: {name: shop, namespace: argocd}
spec: {project: team, destination: {namespace: shop}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: default}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default}
spec: {containers: [{name: c, image: "c:1", envFrom: [{configMapRef: {name: absent}}]}]}
"""


def judged(one: Tree) -> tuple[tuple[Finding, ...], tuple[Unchecked, ...]]:
    graph = build(one)
    return rules.check(one, graph), rules.unchecked(one, graph)


def missing(one: Tree, *blanks: Blank) -> tuple[set[str], set[str]]:
    found, unchecked = judged(replace(one, blanks=blanks))
    ids = {"crd-missing", "namespace-missing", "config-missing", "project-missing"}
    return {each.rule for each in found} & ids, {each.what for each in unchecked}


def test_all_is_missing_where_everything_could_be_rendered() -> None:
    found, unchecked = missing(tree(ROLLOUT))
    assert found >= {"crd-missing", "namespace-missing", "project-missing"}
    assert unchecked == set()


def test_what_a_chart_out_of_reach_may_bring_is_not_checked() -> None:
    chart = Blank("Application redis", "redis")
    found, unchecked = missing(tree(ROLLOUT), chart)
    assert not found & {"crd-missing", "namespace-missing"}
    assert "project-missing" in found  # a chart brings no object to another namespace
    assert "CustomResourceDefinition rollouts.argoproj.io, for Rollout default/web" in unchecked


def test_what_goes_nobody_knows_where_may_bring_anything() -> None:
    found, unchecked = missing(tree(ROLLOUT), Blank("ApplicationSet teams"))
    assert found == set()
    assert "AppProject team, for Application shop" in unchecked
    assert "ConfigMap default/absent, for Pod default/p" in unchecked


def test_argo_cd_brings_its_projects_but_no_foreign_crd() -> None:
    own = Blank("Argo CD's own manifests", "argocd", wide=False)
    found, unchecked = missing(tree(ROLLOUT), own)
    assert "crd-missing" in found
    assert "project-missing" not in found
    assert unchecked == {"AppProject team, for Application shop"}


def test_who_may_bring_it_is_named_as_long_as_they_are_few() -> None:
    few = [Blank("Application a"), Blank("Application b")]
    many = [Blank(f"Application {number}") for number in range(9)]
    for blanks, words in (
        (few, "Application a or Application b"),
        (many, "any of 9"),
    ):
        _, unchecked = judged(replace(tree(ROLLOUT), blanks=tuple(blanks)))
        assert unchecked and all(words in one.why for one in unchecked)


def test_a_key_of_a_known_object_is_missing_whatever_else_there_is() -> None:
    text = (
        ROLLOUT.replace("{configMapRef: {name: absent}}", "")
        .replace("envFrom: []", "")
        .replace(
            'image: "c:1", ',
            'image: "c:1", env: [{name: A, valueFrom: {configMapKeyRef: {name: known, key: absent}}}], ',
        )
    )
    known = (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: known, namespace: default}\ndata: {a: b}\n"
    )
    found, _ = judged(replace(tree(text + known), blanks=(Blank("Application x"),)))
    assert any("key absent of ConfigMap default/known" in one.other for one in found)


def test_an_unknown_setting_of_argo_cd_is_no_finding() -> None:
    text = """
kind: Application
metadata: {name: one}
---
apiVersion: example.com/v1
kind: Machine
metadata: {name: m, namespace: default}
---
kind: Application
metadata: {name: two, annotations: {argocd.argoproj.io/sync-wave: "1"}}
"""
    own = Blank("Argo CD's own manifests", "argocd", wide=False)
    ids = [{one.rule for one in judged(replace(tree(text), blanks=b))[0]} for b in ((), (own,))]
    assert "no-health-signal" in ids[0]
    assert "no-health-signal" not in ids[1]


def test_a_stand_in_of_an_unknown_chart_is_no_second_owner() -> None:
    label = next(f"{key}: '{value}'" for key, value in UNKNOWN.items())
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: default%s}\n"
    both = f"{account % ''}---\n{account % f', labels: {{{label}}}'}"
    found, _ = judged(tree(f"kind: Application\nmetadata: {{name: a}}\n---\n{both}"))
    assert "repeated-object" not in {one.rule for one in found}
    twice, _ = judged(
        tree(f"kind: Application\nmetadata: {{name: a}}\n---\n{account % ''}---\n{account % ''}")
    )
    assert "repeated-object" in {one.rule for one in twice}


def test_many_objects_with_two_owners_are_one_finding() -> None:
    maps = "".join(
        f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{n}, namespace: default}}\n"
        for n in range(5)
    )
    both = "---\n".join(f"kind: Application\nmetadata: {{name: {one}}}\n{maps}" for one in "ab")
    (found,) = [one for one in judged(tree(both))[0] if one.rule == "shared-object"]
    assert found.subject == "ConfigMap default/m0 of Application b and 4 more"


def test_experience_of_a_whole_set_is_one_finding_and_no_error_of_its_order() -> None:
    infra = """
kind: Application
metadata: {name: infra}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: kubernetes.io/no-provisioner
---
kind: ApplicationSet
metadata: {name: s}
"""
    pods = "".join(
        f"""---
kind: Application
metadata: {{name: {one}, ownerReferences: [{{kind: ApplicationSet, name: s}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {one}, namespace: default}}
spec: {{template: {{metadata: {{labels: {{a: {one}}}}}, spec: {{containers: [{{name: c, image: "c:1"}}]}}}}}}
"""
        for one in ("web", "api", "job")
    )
    found, _ = judged(tree(infra + pods))
    (late,) = [one for one in found if one.rule == "apps-before-infrastructure"]
    assert late.subject.endswith("and 2 more")
    assert "Application infra" in late.why and "in the same wave" in late.why
    assert "appset-order-ignored" not in {one.rule for one in found}


def test_an_ingress_without_class_and_controller_is_told_once() -> None:
    text = """
kind: Application
metadata: {name: a}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: default}
spec: {ingressClassName: nginx}
"""
    ids = [one.rule for one in judged(tree(text))[0] if one.rule.startswith("ingress-")]
    assert ids == ["ingress-controller-missing"]


def test_what_keeps_data_is_infrastructure_whoevers_chart_it_is() -> None:
    text = """
kind: Application
metadata: {name: store}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: "c:1"}]}}
  volumeClaimTemplates: []
---
kind: Application
metadata: {name: infra, annotations: {argocd.argoproj.io/sync-wave: "1"}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: kubernetes.io/no-provisioner
"""
    kept = text.replace("[]\n---", "[{metadata: {name: data}, spec: {}}]\n---")
    ids = [{one.rule for one in judged(tree(each))[0]} for each in (text, kept)]
    assert "apps-before-infrastructure" in ids[0]
    assert "apps-before-infrastructure" not in ids[1]


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Values.a }}: b\npassword: {{ .Values.password }}\n",  # braces: mappings
        "? [a, b]\n: c\npassword: ''\n",
        "a: &x\n  b: *x\n  password: ''\n",
        "a: !!binary aGk=\nkey: {? {} : 1}\n",
    ],
)
def test_odd_yaml_holds_no_credential_and_ends(text: str) -> None:
    assert list(credentials("a.yaml", text)) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("api_key: os.environ/OPENAI_API_KEY", False),
        ("client_secret: $__env{DEX_SECRET}", False),
        ("password: noauth", False),
        ("api_key: not-needed", False),
        ("OPENAI_API_KEY: sk-no-key-required", False),
        ("OPENAI_API_KEY: sk-a8f3b2c9d1e0", True),
        ("password: guest", True),
        ("client_secret: correct-horse-battery", True),
    ],
)
def test_words_that_stand_in_for_a_credential(line: str, found: bool) -> None:
    assert bool(list(credentials("a.yaml", f"{line}\n"))) is found


@pytest.mark.parametrize(
    ("called", "found"), [("migrate", True), ("migrate-4424134", False), ("a-4231e5e", False)]
)
def test_a_job_whose_name_holds_a_digest_is_another_one_after_a_change(called: str, found: bool) -> None:
    job = f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {called}, namespace: default}}\nspec: {{}}\n"
    text = f"kind: Application\nmetadata: {{name: a}}\n---\n{job}"
    assert ("job-immutable" in {one.rule for one in judged(tree(text))[0]}) is found


# -- the report ------------------------------------------------------------------------------------


def _told(report: Report, *, verbose: bool = False) -> str:
    return "\n".join(line.plain for line in render(report, verbose=verbose))


def test_warnings_of_one_rule_are_told_a_few_times_and_counted() -> None:
    apps = "---\n".join(
        f"kind: Application\nmetadata: {{name: a{n}}}\nspec: {{syncPolicy: {{automated: {{prune: true}}}}}}\n"
        for n in range(9)
    )
    found = tuple(one for one in judged(tree(apps))[0] if one.rule == "sync-policy-partial")
    assert len(found) == 9
    report = Report("test", (), findings=found)
    assert _told(report).count("sync-policy-partial\n") == FEW
    assert f"{9 - FEW} more of sync-policy-partial" in _told(report)
    assert _told(report, verbose=True).count("sync-policy-partial\n") == 9
    assert (
        _told(replace(report, strict=True)).count("sync-policy-partial\n") == 9
    )  # what fails is told in full


def test_what_is_not_checked_for_one_reason_is_told_as_one() -> None:
    one = tree("kind: Application\nmetadata: {name: a}\n").apps[-1]
    unchecked = tuple(Unchecked(f"thing {n}", "no network", one.where, "plug it in") for n in range(7))
    report = Report("test", (), unchecked=unchecked)
    assert _told(report).count("no network") == 1
    assert "thing 2; and 4 more" in _told(report)
    assert "thing 6: no network" in _told(report, verbose=True)


def test_what_is_guessed_is_known_by_its_label() -> None:
    item = {"kind": "Deployment", "metadata": {"name": "x", "labels": dict(UNKNOWN)}}
    where = tree("kind: Application\nmetadata: {name: a}\n").apps[-1].where
    assert Manifest(item, "a", where).guessed
    assert not Manifest({"kind": "Deployment", "metadata": {"name": "x"}}, "a", where).guessed
