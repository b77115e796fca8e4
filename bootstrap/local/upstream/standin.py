"""Makes a stand-in from its definition: a chart of ordinary Helm templates, or a single YAML file. Pure.

A definition is turned into Kubernetes objects here. In a chart they are data (`standin.json`) in which Helm
expressions replace the placeholders; the templates of `skeleton/` apply the user's values to them.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bootstrap.kubernetes.objects import Json
from bootstrap.local.upstream.definitions import (
    Account,
    Container,
    Crd,
    Definition,
    Port,
    Service,
    StandInWorkload,
)

_SKELETON = Path(__file__).with_name("skeleton")
_HOLE = re.compile(r"\{\{\s*(fullname|namespace|release|chart|version)\s*\}\}")
# In backquotes, because they are inside JSON strings.
_EXPRESSIONS = {
    "fullname": "{{ include `standin.fullname` . }}",
    "namespace": "{{ include `standin.namespace` . }}",
    "release": "{{ .Release.Name }}",
    "chart": "{{ .Chart.Name }}",
    "version": "{{ .Chart.AppVersion }}",
}
MARK = {"bootstrap.local/stand-in": "true"}


def build_chart(definition: Definition, name: str, version: str) -> bytes:
    """A chart archive (.tgz). The same input gives the same bytes."""
    chart = {
        "apiVersion": "v2",
        "name": name,
        "version": version,
        "appVersion": version,
        "description": f"Stand-in for {name}: its workloads, service accounts and CRDs, without content.",
        "type": "application",
        "annotations": MARK,
    }
    parts = {
        "accounts": [
            _own(entry, account(entry), first=_is_main(entry)) for entry in definition.service_accounts
        ],
        "workloads": [
            _own(entry, workload(entry), first=number == 0)
            for number, entry in enumerate(definition.workloads)
        ],
        "others": [
            *(item for entry in definition.workloads for item in rights(entry, definition)),
            *(service(entry, definition) for entry in definition.services),
        ],
    }
    files = {
        "Chart.yaml": _yaml(chart),
        "values.yaml": "{} # a stand-in has no values of its own; it applies the usual ones\n",
        "standin.json": _fill(json.dumps(parts, indent=1), _EXPRESSIONS),
        "extra.yaml": _fill(definition.extra, _EXPRESSIONS),
        **{f"crds/{crd.group}_{crd.plural}.yaml": _yaml(custom_resource(crd)) for crd in definition.crds},
        **{
            f"templates/{file.name}": file.read_text() for file in sorted((_SKELETON / "templates").iterdir())
        },
    }
    return archive({f"{name}/{path}": text.encode() for path, text in files.items()})


def build_file(definition: Definition, name: str = "stand-in", namespace: str = "default") -> bytes:
    """The YAML of all objects of a definition."""
    objects = [
        *(custom_resource(crd) for crd in definition.crds),
        *(account(entry) for entry in definition.service_accounts),
        *(workload(entry) for entry in definition.workloads),
        *(item for entry in definition.workloads for item in rights(entry, definition)),
        *(service(entry, definition) for entry in definition.services),
    ]
    filled = {"fullname": name, "namespace": namespace, "release": name, "chart": name, "version": "0"}
    text = "---\n".join(
        [*(_yaml(item) for item in objects), *([definition.extra] if definition.extra else [])]
    )
    return _fill(text, filled).encode()


def archive(files: Mapping[str, bytes]) -> bytes:
    """A .tgz whose bytes depend only on names and contents."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def custom_resource(crd: Crd) -> Json:
    """A CustomResourceDefinition that accepts anything. The last version is the stored one."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names: Json = {
        "kind": crd.kind,
        "plural": crd.plural,
        "singular": crd.kind.lower(),
        "listKind": f"{crd.kind}List",
    }
    if crd.short_names:
        names["shortNames"] = list(crd.short_names)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{crd.plural}.{crd.group}", "labels": MARK},
        "spec": {
            "group": crd.group,
            "names": names,
            "scope": crd.scope,
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == crd.versions[-1],
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
                for version in crd.versions
            ],
        },
    }


def account(entry: Account) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(entry.name, entry.namespace, entry.labels),
    }


def workload(entry: StandInWorkload) -> Json:
    pod: Json = {"containers": [_container(one, _secrets(entry)) for one in entry.containers]}
    if entry.service_account:
        pod["serviceAccountName"] = entry.service_account
    selector = _selector(entry.name)
    spec: Json = {"template": {"metadata": {"labels": {**selector, **MARK, **entry.labels}}, "spec": pod}}
    if entry.kind == "Job":
        pod["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": selector}
    if entry.kind in {"Deployment", "StatefulSet"}:
        spec["replicas"] = entry.replicas
    if entry.kind == "StatefulSet":
        spec["serviceName"] = entry.name
    return {
        "apiVersion": "batch/v1" if entry.kind == "Job" else "apps/v1",
        "kind": entry.kind,
        "metadata": _metadata(entry.name, entry.namespace, entry.labels, entry.annotations),
        "spec": spec,
    }


def rights(entry: StandInWorkload, definition: Definition) -> Iterator[Json]:
    """The ClusterRole of a workload and its binding; none for a workload without permissions."""
    if not entry.rights or not entry.service_account:
        return
    home = next(
        (one.namespace for one in definition.service_accounts if one.name == entry.service_account), None
    )
    group = "rbac.authorization.k8s.io"
    metadata = {key: value for key, value in _metadata(entry.name, None).items() if key != "namespace"}
    yield {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": [
            {"apiGroups": [one.group], "resources": list(one.resources), "verbs": ["*"]}
            for one in entry.rights
        ],
    }
    subject = {
        "kind": "ServiceAccount",
        "name": entry.service_account,
        "namespace": home or entry.namespace or "{{namespace}}",
    }
    yield {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": entry.name},
        "subjects": [subject],
    }


def service(entry: Service, definition: Definition) -> Json:
    selected = next(one for one in definition.workloads if one.name == entry.selector_of)
    spec: Json = {
        "selector": _selector(selected.name),
        "ports": list(_service_ports(entry)),
        "type": entry.type,
    }
    if entry.headless:
        spec["clusterIP"] = "None"
    metadata = _metadata(entry.name, entry.namespace or selected.namespace, entry.labels)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _metadata(
    name: str,
    namespace: str | None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Json:
    metadata: Json = {
        "name": name,
        "namespace": namespace or "{{namespace}}",
        "labels": {"app.kubernetes.io/instance": "{{release}}", **MARK, **(labels or {})},
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata


def _selector(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "{{release}}"}


def _container(entry: Container, secrets: tuple[str, ...]) -> Json:
    found: Json = {"name": entry.name, "image": entry.image}
    if entry.ports:
        found["ports"] = [_container_port(port) for port in entry.ports]
    if entry.env:
        found["env"] = [{"name": name, "value": value} for name, value in entry.env.items()]
    if secrets:
        found["envFrom"] = [{"secretRef": {"name": name}} for name in secrets]
    for key in ("command", "args"):
        if words := getattr(entry, key):
            found[key] = list(words)
    return found


def _container_port(port: Port) -> Json:
    found: Json = {"containerPort": port.port, "protocol": port.protocol}
    return {**found, "name": port.name} if port.name else found


def _service_ports(entry: Service) -> Iterator[Json]:
    for port in entry.ports:
        yield {
            "name": port.name or f"port-{port.port}",
            "port": port.port,
            "targetPort": port.target or port.port,
            "protocol": port.protocol,
        }


def _secrets(entry: StandInWorkload) -> tuple[str, ...]:
    given = entry.env_from_secret
    return (given,) if isinstance(given, str) else given


def _is_main(entry: Account) -> bool:
    return bool(_HOLE.fullmatch(entry.name))


def _own(entry: Account | StandInWorkload, item: Json, *, first: bool) -> Json:
    """The object, and the path of its settings in the values; `own` if it has any."""
    path = entry.values.split(".") if entry.values else []
    return {"object": item, "values": path, "own": first or bool(path)}


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _HOLE.sub(lambda hole: str(values[hole[1]]), text)


def _yaml(item: Json) -> str:
    return yaml.safe_dump(item, sort_keys=False)
