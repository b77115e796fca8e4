"""Pieces of YAML of which trees for tests are made. Pure."""

from __future__ import annotations


def app(name: str, wave: int) -> str:
    """The head of an Application."""
    return f"""
kind: Application
metadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}}}
"""


def joined(*documents: str) -> str:
    return "---".join(documents)


def crd(group: str, kind: str, plural: str) -> str:
    return f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{group}}}
spec: {{group: {group}, names: {{kind: {kind}, plural: {plural}}}}}
"""


def operator(name: str, group: str, *resources: str, image: str = "") -> str:
    """A workload with the rights that make it an operator."""
    return f"""
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: default}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {name}}}
rules: [{{apiGroups: [{group}], resources: [{", ".join(resources)}], verbs: ["*"]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {name}}}
roleRef: {{kind: ClusterRole, name: {name}}}
subjects: [{{kind: ServiceAccount, name: {name}, namespace: default}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: default}}
spec:
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{serviceAccountName: {name}, containers: [{{name: {name}, image: "{image or name}:1"}}]}}
"""


def deployment(name: str, pod: str = "", container: str = "", kind: str = "Deployment") -> str:
    """`pod` and `container` are further fields in flow style: `serviceAccountName: web`."""
    group = "batch/v1" if kind == "Job" else "apps/v1"
    more = f", {pod}" if pod else ""
    inner = f", {container}" if container else ""
    return f"""
apiVersion: {group}
kind: {kind}
metadata: {{name: {name}, namespace: default}}
spec:
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: "{name}:1"{inner}}}]{more}}}
"""


def service(name: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default, labels: {{app: {name}}}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}
"""
