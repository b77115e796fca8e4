"""Turns faults into files that are added to the published GitOps tree. Pure.

A fault is an Application of its own, with its own AppProject and namespace, so that nothing of it remains
when the root Application prunes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from string import Template
from typing import Any

import yaml

from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.closure import NAMES
from bootstrap.gitops.directory import selects
from bootstrap.gitops.model import Tree
from bootstrap.gitops.operator import operator
from bootstrap.gitops.render import source_kind
from bootstrap.gitops.root import repository_root, root_source
from bootstrap.gitops.source import ApplicationSource
from bootstrap.kubernetes.argo import CASCADE, IN_CLUSTER, WAVE
from bootstrap.local.faults.cluster import InjectedFaults
from bootstrap.local.faults.fault import Fault, Rehearsal

FOLDER = PurePosixPath(".faults")  # with the manifests; the root Application does not read it
LABEL = "local.bootstrap/fault"
NODE, DENIED = "node-not-ready", "rbac-denied"  # values of Fault.cluster_fault


def default_wave(tree: Tree, config: Environment) -> int:
    """The wave after ESO's: storage, namespaces and secrets exist, applications do not yet."""
    return operator(tree, config).app.position[0] + 1


def overlay(
    rehearsals: Iterable[Rehearsal], config: Environment, wave: int, root: Mapping[str, str]
) -> dict[str, str]:
    """The files, by path from the repository's root. `wave` is for rehearsals that name none; `root` are the
    files of the root Application's folder that decide its kind (Chart.yaml, a kustomization), by name.

    Raises UsageError if the configuration lacks a node that a fault needs.
    """
    files: dict[str, str] = {}
    tops: dict[str, list[dict[str, Any]]] = {}
    for rehearsal in rehearsals:
        fault, values = rehearsal.fault, _values(rehearsal.fault, config)
        at = wave if rehearsal.wave is None else rehearsal.wave
        tops[f"{app_name(fault)}.yaml"] = _tops(fault, config, at, values)
        for folder, content in _contents(fault, values).items():
            files |= {str(FOLDER / folder / path): text for path, text in content.items()}
    return files | _placed(tops, PurePosixPath(config.gitops.path), root)


def read_overlay(rehearsals: Sequence[Rehearsal], config: Environment, tree: Tree) -> dict[str, str]:
    """The overlay over the checkout as it is. Raises ConfigError and UsageError."""
    checkout, source = Checkout(repository_root(config.gitops.checkout)), root_source(config.gitops)
    kind = source_kind(checkout, source)
    names = {"helm": ("Chart.yaml",), "kustomize": NAMES}.get(kind, ())
    paths = {name: f"{config.gitops.path}/{name}" for name in names}
    root = {name: checkout.text(path) for name, path in paths.items() if checkout.is_file(path)}
    files = overlay(rehearsals, config, default_wave(tree, config), root)
    if kind == "directory":
        _require_seen(source, config.gitops.path, files)
    return files


def _require_seen(source: ApplicationSource, folder: str, files: Iterable[str]) -> None:
    """Raises UsageError for a file that the root Application would pass over."""
    for path in files:
        if path.startswith(f"{folder}/") and not selects(source, path[len(folder) + 1 :]):
            why = f"gitops.source.directory leaves {path} out"
            raise UsageError("no fault can be rehearsed", why, "include fault-*.yaml there")


def injected_faults(rehearsals: Iterable[Rehearsal], config: Environment) -> InjectedFaults:
    """The faults that manifests cannot cause."""
    by_cluster_fault = {rehearsal.fault.cluster_fault: rehearsal.fault for rehearsal in rehearsals}
    node = _values(by_cluster_fault[NODE], config)["worker"] if NODE in by_cluster_fault else ""
    return InjectedFaults(denied=DENIED in by_cluster_fault, node=node)


def app_name(fault: Fault) -> str:
    return f"fault-{fault.name}"


def _placed(
    tops: Mapping[str, list[dict[str, Any]]], path: PurePosixPath, root: Mapping[str, str]
) -> dict[str, str]:
    """Put them where the root Application finds them: in a chart, a kustomization, or a plain folder."""
    folder = path / "templates" if "Chart.yaml" in root else path
    placed = {str(folder / name): _dump(*documents) for name, documents in tops.items()}
    names = dict.fromkeys(top["metadata"]["name"] for documents in tops.values() for top in documents)
    for name in NAMES:
        if name in root and "Chart.yaml" not in root:
            plain = yaml.safe_load(root[name]) or {}
            plain["resources"] = [*(plain.get("resources") or ()), *tops]
            plain["transformers"] = [*(plain.get("transformers") or ()), *map(_keep_name, names)]
            placed[str(path / name)] = _dump(plain)
    return placed


def _keep_name(name: str) -> str:
    """A transformer that undoes namePrefix and nameSuffix, which run earlier: `spec.project` gets neither."""
    patch = [{"op": "replace", "path": "/metadata/name", "value": name}]
    return _dump(
        {
            "apiVersion": "builtin",
            "kind": "PatchTransformer",
            "metadata": {"name": name},
            "target": {"group": "argoproj.io", "name": name},
            "patch": json.dumps(patch),
        }
    )


def _tops(fault: Fault, config: Environment, wave: int, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Its AppProject, the earlier Application if any, and its Application, in one wave each."""
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": _metadata(fault, config, wave - 2),
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
    last = merge(_application(fault, config, wave), _filled(fault.application, values))
    tops = [merge(project, _filled(fault.project, values)), last]
    if fault.before:
        names = {"metadata": {"name": f"{app_name(fault)}-before"}}
        folder = {"spec": {"source": {"path": str(FOLDER / f"{fault.name}-before")}}}
        tops.insert(1, merge(_application(fault, config, wave - 1), {**names, **folder}))
    return tops


def _application(fault: Fault, config: Environment, wave: int) -> dict[str, Any]:
    gitops = config.gitops
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {**_metadata(fault, config, wave), "finalizers": [CASCADE]},
        "spec": {
            "project": app_name(fault),
            "destination": {"server": IN_CLUSTER, "namespace": app_name(fault)},
            "source": {
                "repoURL": gitops.repo_url,
                "path": str(FOLDER / fault.name),
                "targetRevision": gitops.revision,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}},
            },
        },
    }


def _metadata(fault: Fault, config: Environment, wave: int) -> dict[str, Any]:
    return {
        "name": app_name(fault),
        "namespace": config.gitops.namespace,
        "labels": {LABEL: fault.name},
        "annotations": {WAVE: str(wave)},
    }


def _contents(fault: Fault, values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The files of each folder: those of the fault, and of what is deployed before it."""
    metadata = {"name": values["namespace"], "annotations": {WAVE: "-10"}}
    namespace = _dump({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    files = dict(fault.files)
    if fault.manifests:
        files["fault.yaml"] = Template(fault.manifests).substitute(values)
    if fault.before:
        before = {"before.yaml": Template(fault.before).substitute(values), "namespace.yaml": namespace}
        return {f"{fault.name}-before": before, fault.name: files}
    if fault.namespace and not fault.files:
        files["namespace.yaml"] = namespace
    return {fault.name: files}


def _values(fault: Fault, config: Environment) -> dict[str, str]:
    """The values of the variables in manifests. All are YAML scalars or flow sequences."""
    taints = {taint.key for node in config.nodes for taint in node.taints}
    values = {
        "name": app_name(fault),
        "namespace": app_name(fault),
        "server": IN_CLUSTER,
        "prefix": config.ssm_prefix,
        "region": config.region,
        # Its pods may run on any node, except one that fails.
        "tolerations": json.dumps([{"key": key, "operator": "Exists"} for key in sorted(taints)]),
    }
    # The last node of a role is the least likely to run what everything else depends on.
    workers = [node for node in config.nodes if node.role == "worker"]
    tainted = [node.name for node in config.nodes if node.taints]
    for name, found in {"worker": [node.name for node in workers], "tainted": tainted}.items():
        if found:
            values[name] = found[-1]
        elif f"${name}" in fault.manifests + fault.before:
            what = "a worker" if name == "worker" else "a node with a taint"
            raise UsageError(f"fault {fault.name} needs {what}", "the configuration's `nodes` has none")
    return values


def _filled(patch: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    return json.loads(Template(json.dumps(patch)).substitute(values))


def merge(base: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386) applied; nothing is changed in place."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _dump(*documents: Any) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)
