"""What Applications say about themselves, what they own, and what differs for ever."""

from __future__ import annotations

import pytest

from bootstrap.lint.graph import build
from bootstrap.lint.model import Severity
from bootstrap.lint.rules import drift, hooks, installation, naming, owners, patterns, references
from tests.lint_objects import tree

APP = "kind: Application\nmetadata: {name: a}\n"


def rules(family: object, text: str) -> list[str]:
    found = tree(text)
    return [one.rule for one in family.check(found, build(found))]  # type: ignore[attr-defined]


def spec(text: str) -> str:
    return f"kind: Application\nmetadata: {{name: a}}\nspec: {{{text}}}\n"


URL = "repoURL: 'https://git.example.com/p.git'"
HERE = "destination: {server: 'https://kubernetes.default.svc', namespace: a}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HERE}, source: {{{URL}, path: a}}", []),
        (f"{HERE}, source: {{path: a}}", ["source-incomplete"]),
        (f"{HERE}, source: {{{URL}}}", ["source-incomplete"]),
        (f"{HERE}, source: {{{URL}, chart: a}}", ["source-incomplete"]),
        (f"{HERE}, source: {{{URL}, chart: a, path: b}}", ["source-incomplete", "source-incomplete"]),
        (f"{HERE}, sources: [{{{URL}, ref: values}}]", []),
        (f"{HERE}, source: {{{URL}, ref: values}}", ["source-incomplete"]),
        (f"{HERE}, sources: [{{{URL}, path: a}}, {{{URL}, ref: v}}]", []),
        (f"{HERE}, sources: [{{{URL}, path: a, helm: {{valueFiles: [$v/a.yaml]}}}}]", ["source-incomplete"]),
        (f"{HERE}, source: {{repoURL: 'oci://example.com/a', path: .}}", []),
        (
            f"{HERE}, source: {{repoURL: 'oci://example.com/a'}}",
            ["source-incomplete"],
        ),  # validateSourcePermissions
        ("project: default, destination: {namespace: a}", ["destination-incomplete"]),
        ("destination: {server: 'https://a', name: b}", ["destination-incomplete"]),
        ("destination: {name: in-cluster, namespace: a}", []),
        (f"{HERE}, syncPolicy: {{syncOptions: [CreateNamespace=true, Prune=confirm]}}", []),
        (f"{HERE}, syncPolicy: {{syncOptions: [CreateNamespaces=true]}}", ["sync-option-unknown"]),
        (f"{HERE}, syncPolicy: {{syncOptions: [ServerSideApply=yes]}}", ["sync-option-unknown"]),
        (
            f"{HERE}, syncPolicy: {{syncOptions: [DisableClientSideApplyMigration=true]}}",
            ["sync-option-unknown"],
        ),
        (f"{HERE}, syncPolicy: {{syncOptions: [ClientSideApplyMigration=false, Prune=confirm]}}", []),
    ],
)
def test_references(text: str, expected: list[str]) -> None:
    assert rules(references, spec(text)) == expected


@pytest.mark.parametrize(
    ("url", "ignored"), [("https://charts.example.com", "path"), ("oci://example.com/a", "chart")]
)
def test_a_chart_with_a_path_is_a_warning(url: str, ignored: str) -> None:
    """As in Argo CD's runRepoOperation: a chart wins over a path, an OCI artifact over a chart."""
    found = tree(
        spec(f"{HERE}, source: {{repoURL: '{url}', chart: a, path: b, targetRevision: 1.0.0}}"),
    )
    [one] = references.check(found, build(found))
    assert (one.rule, one.severity) == ("source-incomplete", Severity.WARNING)
    assert ignored in one.cure


@pytest.mark.parametrize(
    ("wave", "wrong"),
    [("7", False), ("-7", False), ("+7", False), ("seven", True), ("1.5", True), ("", True), ("0x7", True)],
)
def test_waves_are_read_as_argo_cd_does(wave: str, wrong: bool) -> None:
    text = (
        f"kind: Application\nmetadata: {{name: a, annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}}}\n"
    )
    assert rules(references, text) == (["wave-not-a-number"] if wrong else [])


def job(notes: str = "", body: str = "activeDeadlineSeconds: 9", meta: str = "name: j") -> str:
    return (
        f"{APP}---\napiVersion: batch/v1\nkind: Job\n"
        f"metadata: {{{meta}, annotations: {{{notes}}}}}\nspec: {{{body}}}\n"
    )


HOOK = "argocd.argoproj.io/hook: PreSync"
POLICY = "argocd.argoproj.io/hook-delete-policy"
HELM = "helm.sh/hook: pre-install"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (job(HOOK), []),  # BeforeHookCreation is the default
        (job(f"{HOOK}, {POLICY}: HookSucceeded"), ["hook-job-kept"]),
        (job(f"{HOOK}, {POLICY}: HookFailed"), ["hook-job-kept"]),
        (job(f"{HOOK}, {POLICY}: 'HookSucceeded, HookFailed'"), []),
        (job(f"{HOOK}, {POLICY}: 'BeforeHookCreation,HookSucceeded'"), []),
        (job(f"{HOOK}, {POLICY}: HookSucceeded", meta="generateName: j-"), []),
        (
            job(f"{HOOK}, {POLICY}: HookSucceeded", "ttlSecondsAfterFinished: 9, activeDeadlineSeconds: 9"),
            [],
        ),
        (job(f"{HELM}, helm.sh/hook-delete-policy: hook-succeeded"), ["hook-job-kept"]),
        (job(f"{HELM}, helm.sh/hook-delete-policy: 'before-hook-creation,hook-succeeded'"), []),
        (job(HOOK, "backoffLimit: 1"), ["hook-without-deadline"]),
        (job("argocd.argoproj.io/hook: Skip", "backoffLimit: 1"), []),
        (job("argocd.argoproj.io/hook: PreInstall"), ["hook-phase-unknown"]),
        (job(), ["job-immutable"]),
        (job("argocd.argoproj.io/sync-options: 'Force=true,Replace=true'"), []),
        (job(body="ttlSecondsAfterFinished: 9"), ["job-vanishes"]),
        (job("helm.sh/hook: test"), []),
    ],
)
def test_jobs(text: str, expected: list[str]) -> None:
    assert rules(hooks, text) == expected


SCALED = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec: {replicas: 2}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: a}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
"""


def ignoring(entry: str, options: str = "RespectIgnoreDifferences=true") -> str:
    return spec(f"ignoreDifferences: [{entry}], syncPolicy: {{syncOptions: [{options}]}}") + SCALED


def system(setting: str) -> str:
    return (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata:\n"
        f"  resource.customizations.ignoreDifferences.{setting}: 'jsonPointers: [/spec/replicas]'\n---\n"
        + spec("syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]}")
        + SCALED
    )


FOUND = ["autoscaled-replicas"]
IGNORED = "annotations: {{argocd.argoproj.io/ignore-differences: 'jsonPointers: [{}]'}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (APP + SCALED, FOUND),
        (APP + SCALED.replace("replicas: 2", ""), []),
        (APP + SCALED.replace("name: web}}", "name: other}}"), []),
        (ignoring("{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}"), []),
        (ignoring("{group: '*', kind: '*', managedFieldsManagers: [kube-controller-manager]}"), []),
        (ignoring("{group: apps, kind: Deployment, jqPathExpressions: [.spec.replicas]}"), []),
        (ignoring("{group: apps, kind: Deployment, jsonPointers: [/spec]}"), []),
        (ignoring("{group: apps, kind: Deployment, jsonPointers: [/spec/paused]}"), FOUND),
        (ignoring("{group: apps, kind: StatefulSet, jsonPointers: [/spec/replicas]}"), FOUND),
        (ignoring("{group: apps, kind: Deployment, name: x, jsonPointers: [/spec/replicas]}"), FOUND),
        (
            ignoring("{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}", "Prune=true"),
            ["autoscaled-replicas-reset"],
        ),
        (
            APP
            + SCALED.replace("a}\nspec: {repl", "a, " + IGNORED.format("/spec/replicas") + "}\nspec: {repl"),
            ["autoscaled-replicas-reset"],
        ),
        (
            APP
            + SCALED.replace("a}\nspec: {repl", "a, " + IGNORED.format("/spec/paused") + "}\nspec: {repl"),
            FOUND,
        ),
        (system("apps_Deployment"), []),
        (system("all"), []),
        (system("apps_StatefulSet"), FOUND),
        (
            APP
            + SCALED.replace("autoscaling/v2", "keda.sh/v1alpha1").replace(
                "HorizontalPodAutoscaler", "ScaledObject"
            ),
            FOUND,
        ),
    ],
)
def test_autoscaled_replicas(text: str, expected: list[str]) -> None:
    assert rules(drift, text) == expected


def test_the_line_of_the_replicas_is_named() -> None:
    found = tree(APP + SCALED)
    (one,) = drift.check(found, build(found))
    assert found.files[one.where.file].splitlines()[one.where.line - 1].endswith("replicas: 2}")


@pytest.mark.parametrize(
    ("item", "valid"),
    [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop-1}", True),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop.one}", False),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: 1shop}", False),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop.one}", True),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Shop}", False),
        (f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {'n' * 64}}}", False),
        (f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {'n' * 53}}}", False),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:Shop'}",
            True,
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {version: 1.20}}", False),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {version: '1.20'}}", True),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {url: 'http://a'}}", False),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}", True),
    ],
)
def test_names(item: str, valid: bool) -> None:
    assert rules(naming, f"{APP}---\n{item}\n") == ([] if valid else ["name-invalid"])


def test_a_hook_that_is_skipped_belongs_to_nobody() -> None:
    notes = "annotations: {argocd.argoproj.io/hook: Skip}"
    item = f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, {notes}}}\n"
    assert rules(owners, APP + item + APP.replace("kind", "---\nkind").replace("a}", "b}") + item) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kubectl apply -f manifests", True),
        ("kubectl --context prod -n shop set image deployment/web web=x", True),
        ("kubectl rollout restart deployment/web", True),
        ("helm upgrade --install web ./chart", True),
        ("kustomize build . | kubectl apply -f -", True),
        ("kubectl apply --dry-run=server -f manifests", False),
        ("kubectl get pods", False),
        ("kubectl rollout status deployment/web", False),
        ("helm template ./chart", False),
        ("# kubectl apply -f manifests", False),
        ("argocd app sync web", False),
    ],
)
@pytest.mark.parametrize("file", [".github/workflows/ci.yaml", ".gitlab-ci.yml", "Jenkinsfile"])
def test_pipelines(file: str, line: str, found: bool) -> None:
    text = f"file: {file}\ntext: |\n  jobs:\n  {line}\n---\n{APP}"
    assert rules(patterns, text) == (["ci-deploys"] if found else [])


def test_a_pipeline_may_test_on_a_cluster_of_its_own() -> None:
    text = f"file: .gitlab-ci.yml\ntext: |\n  kind create cluster\n  kubectl apply -f x\n---\n{APP}"
    assert rules(patterns, text) == []


def test_a_health_check_in_the_old_form_counts() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
data:
  resource.customizations: |
    argoproj.io/Application:
      health.lua: return {status = obj.status.sync.comparedTo and obj.status.sync.status}
---
kind: Application
metadata: {name: root}
---
kind: Application
metadata: {name: a, labels: {parent: root}}
---
kind: Application
metadata: {name: b, labels: {parent: root}, annotations: {argocd.argoproj.io/sync-wave: '1'}}
"""
    assert rules(installation, text) == []
    assert rules(installation, text.replace("comparedTo", "status")) == ["app-health-check-blind"]
    assert rules(installation, text.replace("health.lua", "actions")) == ["app-health-check-missing"]
