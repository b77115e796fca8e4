"""What is kept of an object: what a diagnosis needs, and nothing that may hold a secret value. Pure.

Kept is what is named here; all else (Secrets' data, env values, Helm values, annotations, what a container
wrote when it ended) is dropped before anything looks at it. Texts are scrubbed: API servers and Argo CD quote
refused values and whole command lines in their messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bootstrap.core.limits import TEXT_CHARACTERS
from bootstrap.core.redact import MASK
from bootstrap.kubernetes import objects
from bootstrap.kubernetes.argo import HELM_HOOK, HOOK, TRACKING, WAVE
from bootstrap.kubernetes.objects import Json, Kind, annotations_of, dig, metadata, spec, status

STORAGE_CLASS = Kind("storage.k8s.io", "StorageClass")
INGRESS_CLASS = Kind("networking.k8s.io", "IngressClass")
QUOTA = Kind("", "ResourceQuota")
REPLICA_SET = Kind("apps", "ReplicaSet")
NAMESPACED_STORE = Kind("external-secrets.io", "SecretStore")

_METADATA = (
    "name", "namespace", "uid", "generation", "labels", "ownerReferences", "finalizers",
    "creationTimestamp", "deletionTimestamp",
)  # fmt: skip
REVISION = "deployment.kubernetes.io/revision"
_ANNOTATIONS = (TRACKING, WAVE, HOOK, HELM_HOOK, REVISION)
_STATUS = ("phase", "state", "health", "message", "reason", "conditions", "observedGeneration")
_TYPES = "string|integer|number|boolean|object|array|null"

_USER = re.compile(r"://[^/\s@:]*(:[^/\s@]*)?@")
_QUOTED = re.compile(rf'(Invalid value: )"(?!(?:{_TYPES})")(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"(Invalid value: )[^\s\"]*\{.*?\}(?=: |$)", re.DOTALL)
_COMMAND = re.compile(r"`(\S+ \S+) [^`]+`")
_SETTING = re.compile(r"(--(?:set(?:-string|-json|-literal|-file)?|password|token))[ =]\S+")


def scrub(text: str) -> str:
    """The text without credentials in URLs, refused values and the arguments of quoted command lines; its
    end, where it is longer than any message of Kubernetes."""
    if len(text) > TEXT_CHARACTERS:
        text = f"{text[:TEXT_CHARACTERS]} …"
    if "://" in text:
        text = _USER.sub(f"://{MASK}@", text)
    if "Invalid value" in text:
        text = _LITERAL.sub(rf"\g<1>{MASK}", _QUOTED.sub(rf"\g<1>{MASK}", text))
    text = _COMMAND.sub(r"`\1 …`", text) if "`" in text else text
    return _SETTING.sub(rf"\1 {MASK}", text) if "--" in text else text


def strip(item: Json) -> Json | None:
    """What is kept of an object; None for what is no object."""
    if not isinstance(item, dict) or not item.get("kind"):
        return None
    kept = {"apiVersion": item.get("apiVersion", "v1"), "kind": item["kind"], "metadata": _metadata(item)}
    rule = _RULES.get(Kind.of(item).unversioned, _custom)
    scrubbed: Json = _walk({**kept, **rule(item)})
    return scrubbed


def _metadata(item: Json) -> Json:
    kept = _pick(metadata(item), *_METADATA)
    notes = _pick(annotations_of(item), *_ANNOTATIONS)
    return {**kept, **({"annotations": notes} if notes else {})}


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [_walk(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _walk(inner) for key, inner in value.items()}
    return value


def _pick(item: Mapping[str, Any], *keys: str) -> Json:
    return {key: item[key] for key in keys if item.get(key) is not None}


def _nothing(_: Json) -> Json:
    return {}


def _custom(item: Json) -> Json:
    """An object of a kind that is not known here. That it has a specification says that a status is due."""
    kept: Json = {"status": _pick(status(item), *_STATUS)} if "status" in item else {}
    return {**kept, **({"spec": {}} if "spec" in item else {})}


def _application(item: Json) -> Json:
    now, wanted = status(item), spec(item)
    state = now.get("operationState") or {}
    operation = dig(state, "operation", "sync") or {}
    kept_state = _pick(state, "phase", "message", "startedAt", "finishedAt", "retryCount")
    kept_state["operation"] = {"sync": _pick(operation, "revision", "revisions", "autoHealAttemptsCount")}
    kept_state["syncResult"] = _pick(state.get("syncResult") or {}, "revision", "revisions", "resources")
    kept = _pick(now, "health", "conditions", "resources", "reconciledAt")
    kept["sync"] = _pick(now.get("sync") or {}, "status", "revision", "revisions")
    policy = _pick(wanted.get("syncPolicy") or {}, "automated", "syncOptions")
    return {
        "spec": {**_pick(wanted, "project", "destination"), "syncPolicy": policy, "sources": _sources(item)},
        "status": {**kept, **({"operationState": kept_state} if state else {})},
        **({"operation": {}} if item.get("operation") else {}),
    }


def _sources(item: Json) -> list[Json]:
    many, one = spec(item).get("sources"), spec(item).get("source")
    sources = many or ([one] if one else [])
    return [_pick(source, "repoURL", "path", "chart", "targetRevision", "ref") for source in sources]


def _set(item: Json) -> Json:
    return {"status": _pick(status(item), "conditions")}


def _event(item: Json) -> Json:
    keys = ("involvedObject", "reason", "message", "type", "count", "firstTimestamp", "lastTimestamp")
    return _pick(item, *keys, "eventTime", "series")


def _pod(item: Json) -> Json:
    wanted, now = spec(item), status(item)
    kept = _pick(wanted, "nodeName", "nodeSelector", "affinity", "tolerations", "serviceAccountName")
    kept["volumes"] = [_pick(one, "name", "persistentVolumeClaim") for one in wanted.get("volumes") or ()]
    kept["containers"] = [_pick(one, "name", "image", "resources") for one in wanted.get("containers") or ()]
    told = _pick(now, "phase", "reason", "message", "conditions", "startTime")
    for group in ("initContainerStatuses", "containerStatuses"):
        told[group] = [_container(entry) for entry in now.get(group) or ()]
    return {"spec": {**kept, **_pick(wanted, "restartPolicy")}, "status": told}


def _container(entry: Json) -> Json:
    """A terminated container's message may be the end of its log."""
    kept = _pick(entry, "name", "image", "ready", "started", "restartCount")
    for part in ("state", "lastState"):
        kept[part] = {
            phase: {key: value for key, value in said.items() if phase == "waiting" or key != "message"}
            for phase, said in (entry.get(part) or {}).items()
            if isinstance(said, dict)
        }
    return kept


def _workload(item: Json) -> Json:
    kept = _pick(spec(item), "replicas", "selector", "updateStrategy", "paused", "suspend", "backoffLimit")
    return {"spec": kept, "status": status(item)}


def _claim(item: Json) -> Json:
    kept = _pick(spec(item), "storageClassName", "volumeName", "accessModes", "resources")
    return {"spec": kept, "status": _pick(status(item), "phase", "conditions")}


def _storage_class(item: Json) -> Json:
    return _pick(item, "provisioner", "volumeBindingMode")


def _node(item: Json) -> Json:
    told = _pick(status(item), "conditions", "allocatable", "capacity")
    return {"spec": _pick(spec(item), "taints", "unschedulable", "providerID"), "status": told}


def _whole_status(item: Json) -> Json:
    return {"status": status(item)}


def _quota(item: Json) -> Json:
    return {"spec": _pick(spec(item), "hard"), "status": _pick(status(item), "hard", "used")}


def _slice(item: Json) -> Json:
    return {"endpoints": [_pick(endpoint, "conditions") for endpoint in item.get("endpoints") or ()]}


def _service(item: Json) -> Json:
    return {"spec": _pick(spec(item), "type", "selector"), "status": _pick(status(item), "loadBalancer")}


def _ingress(item: Json) -> Json:
    return {"spec": _pick(spec(item), "ingressClassName"), "status": _pick(status(item), "loadBalancer")}


def _ingress_class(item: Json) -> Json:
    return {"spec": _pick(spec(item), "controller")}


def _external_secret(item: Json) -> Json:
    wanted = spec(item)
    data = [_remote(entry, "remoteRef") for entry in wanted.get("data") or ()]
    sources = [_remote(entry, "extract") for entry in wanted.get("dataFrom") or ()]
    kept = _pick(wanted, "secretStoreRef", "refreshInterval", "refreshPolicy")
    kept["target"] = _pick(wanted.get("target") or {}, "name")
    told = _pick(status(item), "conditions", "refreshTime", "syncedResourceVersion")
    return {"spec": {**kept, "data": data, "dataFrom": sources}, "status": told}


def _remote(entry: Json, where: str) -> Json:
    kept = {where: _pick(entry.get(where) or {}, "key", "property")}
    return {**_pick(entry, "secretKey"), **kept}


def _store(item: Json) -> Json:
    aws = _pick(dig(spec(item), "provider", "aws") or {}, "service", "region")
    return {"spec": {"provider": {"aws": aws}}, "status": _pick(status(item), "conditions")}


_RULES: Mapping[Kind, Callable[[Json], Json]] = {
    objects.SECRET: _nothing,
    objects.CONFIG_MAP: _nothing,
    objects.APPLICATION: _application,
    objects.APPLICATION_SET: _set,
    objects.APP_PROJECT: _nothing,
    objects.EVENT: _event,
    objects.POD: _pod,
    objects.DEPLOYMENT: _workload,
    objects.STATEFUL_SET: _workload,
    objects.DAEMON_SET: _workload,
    REPLICA_SET: _workload,
    objects.JOB: _workload,
    objects.CLAIM: _claim,
    STORAGE_CLASS: _storage_class,
    QUOTA: _quota,
    objects.NODE: _node,
    objects.NAMESPACE: _whole_status,
    objects.ENDPOINT_SLICE: _slice,
    objects.SERVICE: _service,
    objects.INGRESS: _ingress,
    INGRESS_CLASS: _ingress_class,
    objects.EXTERNAL_SECRET: _external_secret,
    objects.SECRET_STORE: _store,
    NAMESPACED_STORE: _store,
}
