"""Trees for the linter's reader: a small one of each shape, and one of any size for measuring.

Each is a Git work tree with its own configuration; nothing in it is fetched from outside unless it says so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bootstrap.config.model import Environment, Gitops, Network, Seed, TerraformConfig
from bootstrap.kubernetes.objects import Json

REPO = "https://git.example.com/team/platform.git"
SERVER = "https://kubernetes.default.svc"
APPS = "apps"


def _yaml(content: Json | list[Json]) -> str:
    several = content if isinstance(content, list) else [content]
    return "---\n".join(yaml.safe_dump(json.loads(json.dumps(one)), sort_keys=False) for one in several)


def configuration(root: Path, **changes: Any) -> Environment:
    """Of a tree: Applications in `apps`, Argo CD's kustomization in `argocd`."""
    gitops = Gitops(root, REPO, APPS, root / "argocd")
    settings: dict[str, Any] = {
        "name": "test",
        "project": "test",
        "target": "local",
        "region": "eu-central-1",
        "ssm_prefix": "/test",
        "network": Network("10.0.0.0/16", (), ()),
        "nodes": (),
        "terraform": TerraformConfig(root / "terraform"),
        "gitops": gitops,
        "seeds": (Seed("database/password"),),
        "home": root,
    }
    return Environment(**{**settings, **changes})


def write(root: Path, files: Mapping[str, str | Json | list[Json]]) -> Path:
    """A work tree of these files (text, an object, or several), with an Argo CD of one ConfigMap."""
    whole: dict[str, str | Json | list[Json]] = {
        "argocd/kustomization.yaml": {"namespace": "argocd", "resources": ["config.yaml"]},
        "argocd/config.yaml": config_map("argocd-cm"),
        f"{APPS}/.keep": "",
        **files,
    }
    for path, content in whole.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else _yaml(content))
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def application(name: str, *sources: Mapping[str, Any], wave: int = 0, namespace: str = "default") -> Json:
    """`sources` without repoURL are of the repository itself."""
    given = [{"repoURL": REPO, "targetRevision": "main", **one} for one in sources]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "annotations": {"argocd.argoproj.io/sync-wave": str(wave)},
        },
        "spec": {
            "project": "platform",
            "destination": {"server": SERVER, "namespace": namespace},
            **({"source": given[0]} if len(given) == 1 else {"sources": given}),
        },
    }


def application_set(name: str, generators: list[Json], template: Json, wave: int = 0, **spec: Any) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "annotations": {"argocd.argoproj.io/sync-wave": str(wave)},
        },
        "spec": {"generators": generators, "template": template, **spec},
    }


def template(name: str, path: str, namespace: str = "default", **labels: str) -> Json:
    """Of an ApplicationSet."""
    made = application(name, {"path": path}, namespace=namespace)
    return {"metadata": {"name": name, "labels": labels}, "spec": made["spec"]}


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str, namespace: str = "") -> Json:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": f"registry.example.com/{name}:1.0.0"}]},
            },
        },
    }


def chart(name: str, templates: Mapping[str, str], values: Json | None = None, **more: Any) -> dict[str, str]:
    """The files of a chart, below its own folder."""
    head = {"apiVersion": "v2", "name": name, "version": "0.1.0", **more}
    return {
        "Chart.yaml": _yaml(head),
        "values.yaml": _yaml(values or {}),
        **{f"templates/{file}": text for file, text in templates.items()},
    }


def below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}


SERVICE_CHART = chart(
    "service",
    {
        "deployment.yaml": """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {app: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
        - name: main
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          envFrom: [{secretRef: {name: {{ .Release.Name }}-secret}}]
""",
        "service.yaml": """apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{name: http, port: 80, targetPort: 8080}]
""",
    },
    {"replicas": 1, "image": {"repository": "registry.example.com/service", "tag": "1.0.0"}},
)

# Platform B: one Application whose chart makes all others of three sections of its values.
_ROOT_CHART = chart(
    "root",
    {
        "charts.yaml": """{{- range $name, $app := .Values.gitCharts }}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: staging-{{ $name }}
  namespace: argocd
  annotations: {argocd.argoproj.io/sync-wave: "{{ $app.wave }}"}
spec:
  project: platform
  destination: {server: https://kubernetes.default.svc, namespace: {{ $app.namespace | default $name }}}
  sources:
    - repoURL: {{ $.Values.repoURL }}
      targetRevision: main
      path: {{ $app.path }}
      helm: {valueFiles: ["$values/values/{{ $name }}.yaml"], ignoreMissingValueFiles: true}
    - {repoURL: {{ $.Values.repoURL }}, targetRevision: main, ref: values}
{{- end }}
""",
        "sets.yaml": """{{- range $name, $set := .Values.applicationSets }}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: staging-{{ $name }}
  namespace: argocd
  annotations: {argocd.argoproj.io/sync-wave: "{{ $set.wave }}"}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        {{- range $set.steps }}
        - matchExpressions: [{key: step, operator: In, values: ["{{ . }}"]}]
        {{- end }}
  generators:
    - list:
        elements: {{ toJson $set.apps }}
  template:
    metadata:
      name: "{{ `{{ .name }}` }}"
      labels: {step: "{{ `{{ .step }}` }}"}
    spec:
      project: platform
      destination: {server: https://kubernetes.default.svc, namespace: webs}
      source:
        repoURL: {{ $.Values.repoURL }}
        targetRevision: main
        path: charts/service
        helm: {parameters: [{name: image.tag, value: "{{ `{{ .tag }}` }}"}]}
{{- end }}
""",
    },
    {
        "repoURL": REPO,
        "gitCharts": {
            "namespaces": {"wave": -10, "path": "charts/namespaces", "namespace": "default"},
            "gateway": {"wave": -2, "path": "charts/service", "namespace": "webs"},
        },
        "applicationSets": {
            "webs": {
                "wave": 10,
                "steps": ["10", "11", "12"],
                "apps": [
                    {"name": "auth-guard", "step": "10", "tag": "1.2.3"},
                    {"name": "queue", "step": "11", "tag": "1.0.0"},
                    {"name": "seat", "step": "11", "tag": "1.0.0"},
                    {"name": "api-gateway", "step": "12", "tag": "2.0.0"},
                ],
            }
        },
    },
)


def platform_b(root: Path) -> Path:
    """The shape of the `staging` platform in small; its configuration names `apps` as the root's path."""
    namespaces = chart(
        "namespaces",
        {
            "namespaces.yaml": """{{- range .Values.names }}
---
apiVersion: v1
kind: Namespace
metadata:
  name: {{ . }}
{{- end }}
"""
        },
        {"names": ["webs", "kafka"]},
    )
    return write(
        root,
        {
            **below(APPS, _ROOT_CHART),
            **below("charts/service", SERVICE_CHART),
            **below("charts/namespaces", namespaces),
            "values/gateway.yaml": {"replicas": 3},
        },
    )


def synthetic(root: Path, count: int = 40) -> Path:
    """`count` Applications of mixed kinds below the root: folders, Kustomize with a shared base, Helm charts
    of the repository, sets by list and by folder, and an app of apps."""
    files: dict[str, str | Json | list[Json]] = {**below("charts/service", SERVICE_CHART)}
    files["base/kustomization.yaml"] = {"resources": ["deployment.yaml", "service.yaml"]}
    files["base/deployment.yaml"] = deployment("app")
    files["base/service.yaml"] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "app"},
        "spec": {"selector": {"app": "app"}, "ports": [{"port": 80}]},
    }
    sets, nested = 5, 5
    for number in range(count - 3 * sets - 1 - nested):
        _single(files, number)
    for number in range(sets):
        files[f"by-folder/web-{number}/kustomization.yaml"] = _overlay(f"web-{number}-", "../../base")
        files[f"many/leaf-{number}/all.yaml"] = [config_map(f"leaf-{number}-{one}") for one in range(5)]
    for number in range(nested):
        leaf = application(f"nested-{number}", {"path": f"many/leaf-{number}"}, wave=number)
        files[f"nested/{number}.yaml"] = leaf
    files[f"{APPS}/nested.yaml"] = application("nested", {"path": "nested"}, wave=50, namespace="argocd")
    files[f"{APPS}/set-list.yaml"] = application_set(
        "listed",
        [{"list": {"elements": [{"name": f"api-{number}"} for number in range(sets)]}}],
        {
            "metadata": {"name": "{{.name}}"},
            "spec": application("x", {"path": "charts/service"}, namespace="apis")["spec"],
        },
        60,
        goTemplate=True,
        goTemplateOptions=["missingkey=error"],
    )
    files[f"{APPS}/set-folders.yaml"] = application_set(
        "folders",
        [{"git": {"repoURL": REPO, "revision": "main", "directories": [{"path": "by-folder/*"}]}}],
        template("{{path.basename}}", "{{path}}"),
        61,
    )
    files[f"{APPS}/set-values.yaml"] = application_set(
        "valued",
        [{"list": {"elements": [{"name": f"job-{number}"} for number in range(sets)]}}],
        {
            "metadata": {"name": "{{name}}"},
            "spec": application(
                "x",
                {
                    "path": "charts/service",
                    "helm": {"parameters": [{"name": "image.tag", "value": "2.{{name}}"}]},
                },
                namespace="jobs",
            )["spec"],
        },
        62,
    )
    return write(root, files)


def _single(files: dict[str, str | Json | list[Json]], number: int) -> None:
    name = f"app-{number}"
    source: Json = {"path": f"src/{name}"}
    match number % 3:
        case 0:
            files[f"src/{name}/all.yaml"] = [
                deployment(name),
                *(config_map(f"{name}-{one}") for one in range(8)),
            ]
        case 1:
            files[f"src/{name}/kustomization.yaml"] = _overlay(f"{name}-", "../../base")
        case 2:
            source = {
                "path": "charts/service",
                "helm": {"releaseName": name, "valuesObject": {"replicas": 2}},
            }
    files[f"{APPS}/{number:02}-{name}.yaml"] = application(name, source, wave=number)


def _overlay(prefix: str, base: str) -> Json:
    return {"resources": [base], "namePrefix": prefix, "namespace": "default"}
