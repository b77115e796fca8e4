"""Platform A as the tests read it: plain YAML of this repository, nothing rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "manifests"
APPS = MANIFESTS / "clusters/dev/apps"
APIS = ("auth", "my", "scan", "character", "location", "info", "chat")
WAVES = (
    "00-crds",
    "02-namespaces",
    "03-rbac-storage",
    "05-calico",
    "06-network-policies",
    "10-secrets-operator",
    "11-secrets-cr",
    "15-alb-controller",
    "16-external-dns",
    "20-monitoring-operator",
    "21-grafana",
    "25-data-operators",
    "35-data-cr",
    "60-apis-appset",
    "70-ingress",
)


def read(path: Path) -> list[Json]:
    """The objects in a file. Lists and empty documents are none."""
    return [item for item in documents(path.read_text(encoding="utf-8")) if isinstance(item, dict)]


def app(stem: str) -> Json:
    (found,) = read(APPS / f"{stem}.yaml")
    return found


def spec(item: Json) -> Mapping[str, Any]:
    """Of the Application, or of what an ApplicationSet makes."""
    found: Mapping[str, Any] = item["spec"]
    inner: Mapping[str, Any] = found["template"]["spec"] if item["kind"] == "ApplicationSet" else found
    return inner


def sources(item: Json) -> list[Mapping[str, Any]]:
    one = spec(item)
    return [*one.get("sources", ()), *([one["source"]] if "source" in one else ())]


def charts() -> Iterator[tuple[Json, Mapping[str, Any]]]:
    """Every chart with the Application that installs it."""
    for stem in WAVES:
        item = app(stem)
        yield from ((item, source) for source in sources(item) if "chart" in source)


def release_namespace(item: Json, source: Mapping[str, Any]) -> str:
    return str(source["helm"].get("namespace", spec(item)["destination"]["namespace"]))


def remote_files() -> Iterator[str]:
    for file in MANIFESTS.rglob("kustomization.yaml"):
        for resource in read(file)[0].get("resources", ()):
            if resource.startswith("https://"):
                yield resource


def external_secrets() -> list[Json]:
    return [
        item
        for file in sorted((MANIFESTS / "secrets").rglob("*.yaml"))
        for item in read(file)
        if item.get("kind") == "ExternalSecret"
    ]


def namespaces() -> dict[str, Mapping[str, str]]:
    """Labels by name."""
    return {
        item["metadata"]["name"]: item["metadata"]["labels"]
        for item in read(MANIFESTS / "namespaces/namespaces.yaml")
    }


def published() -> set[str]:
    """What Terraform publishes, by name below the prefix."""
    stack = (ROOT / "terraform/dev/main.tf").read_text(encoding="utf-8")
    roles = (ROOT / "terraform/modules/iam/controllers.tf").read_text(encoding="utf-8")
    facts = stack.partition('module "facts"')[2]
    named = set(re.findall(r'^\s+"([a-z]+/[a-z-]+)"\s*=', facts, re.MULTILINE))
    policies = roles.partition("controller_policies = {")[2].partition("}")[0]
    return named | {
        f"iam/{name}-role-arn" for name in re.findall(r"^\s+([a-z-]+)\s*=", policies, re.MULTILINE)
    }


def values_within(item: Any, key: str) -> Iterator[Any]:
    """Every value of that key, at any depth."""
    if isinstance(item, Mapping):
        if key in item:
            yield item[key]
        for inner in item.values():
            yield from values_within(inner, key)
    elif isinstance(item, list):
        for inner in item:
            yield from values_within(inner, key)


def pod_templates(items: list[Json]) -> Iterator[tuple[str, Json]]:
    """Pod specs of workloads, with the workload's name."""
    for item in items:
        template = (item.get("spec") or {}).get("template")
        if isinstance(template, dict) and "containers" in (template.get("spec") or {}):
            yield f"{item['kind']} {item['metadata']['name']}", template["spec"]


def tolerates(pod: Json, taints: list[tuple[str, str, str]]) -> bool:
    """As the scheduler sees it: every taint (key, value, effect) is tolerated."""
    return all(any(_tolerated(one, taint) for one in pod.get("tolerations", ())) for taint in taints)


def _tolerated(toleration: Mapping[str, str], taint: tuple[str, str, str]) -> bool:
    key, value, effect = taint
    if toleration.get("effect", effect) != effect or toleration.get("key", key) != key:
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value") == value
