"""Nothing that may hold a secret value gets into a picture, and so into words."""

from __future__ import annotations

import json

import pytest

from bootstrap.diagnosis.strip import scrub, strip
from bootstrap.kubernetes.objects import Json
from tests.argo_objects import REPO, application
from tests.unit.diagnosis.stage import external_secret, pod, store, thing

CANARY = "c4n4ry-S3cr3t"


def planted() -> dict[str, Json]:
    """Objects with a secret wherever one may be."""
    source = {
        "repoURL": f"https://bot:{CANARY}@git.example.com/x.git",
        "helm": {
            "values": f"password: {CANARY}",
            "valuesObject": {"password": CANARY},
            "parameters": [{"name": "p", "value": CANARY}],
        },
    }
    app = application("shop", source=source, message=f"`helm template . --set password={CANARY}` failed")
    app["status"]["history"] = [{"source": source}]
    app["status"]["operationState"]["operation"] = {"sync": {"source": source, "manifests": [CANARY]}}
    app["status"]["conditions"] = [
        {
            "type": "ComparisonError",
            "message": f"https://bot:{CANARY}@git.example.com: `helm pull --password {CANARY}`",
        }
    ]
    env = {"name": "PASSWORD", "value": CANARY}
    container = {"name": "web", "image": "x", "env": [env], "args": [CANARY], "command": [CANARY]}
    ended = {"exitCode": 1, "message": f"cannot log in with {CANARY}"}
    status = {"name": "web", "state": {"terminated": ended}, "lastState": {"terminated": ended}}
    template = {"spec": {"containers": [container]}}
    last = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": CANARY}}
    return {
        "application": app,
        "secret": thing(
            "Secret", "s", data={"password": CANARY}, stringData={"password": CANARY}, metadata=last
        ),
        "config map": thing("ConfigMap", "c", data={"password": CANARY}),
        "pod": {**pod(status, containers=[container], initContainers=[container])},
        "deployment": thing("Deployment", "d", "apps/v1", spec={"template": template}, status={}),
        "stateful set": thing("StatefulSet", "d", "apps/v1", spec={"template": template}),
        "job": thing("Job", "j", "batch/v1", spec={"template": template}),
        "external secret": external_secret(template={"data": {"url": f"amqp://u:{CANARY}@x"}}),
        "store": {**store(), "spec": {"provider": {"vault": {"auth": {"token": CANARY}}}}},
        "custom": thing(
            "Grafana", "g", "example.com/v1", spec={"password": CANARY}, status={"adminPassword": CANARY}
        ),
        "ingress": thing("Ingress", "i", "networking.k8s.io/v1", metadata={"annotations": {"auth": CANARY}}),
        "event": thing("Event", "e", message=f'Invalid value: "map[data:map[p:{CANARY}]]": bad', reason="x"),
        "storage class": thing("StorageClass", "s", "storage.k8s.io/v1", parameters={"secret": CANARY}),
        "other": thing("Role", "r", "rbac.authorization.k8s.io/v1", data=CANARY),
    }


@pytest.mark.parametrize("what", planted())
def test_no_secret_stays(what: str) -> None:
    item = planted()[what]
    assert CANARY in json.dumps(item)
    kept = strip(item)
    assert kept is not None
    assert CANARY not in json.dumps(kept)
    assert strip(kept) == kept


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("git clone https://u:p4ss@host/x.git", "git clone https://•••@host/x.git"),
        ("https://ghp_token@host", "https://•••@host"),
        (REPO, REPO),
        ('spec.a: Invalid value: "pw \\" x": bad', "spec.a: Invalid value: •••: bad"),
        (
            'spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable',
            "spec.selector: Invalid value: •••: field is immutable",
        ),
        (
            'x: Invalid value: "string": must be of type integer',
            'x: Invalid value: "string": must be of type integer',
        ),
        (
            "`helm template . --name-template x --set a=b --values v.yaml` failed",
            "`helm template …` failed",
        ),
        ("helm upgrade --set-string a=b x", "helm upgrade --set-string ••• x"),
        ("`kubectl version`", "`kubectl version`"),
    ],
)
def test_texts_lose_what_they_quote(text: str, left: str) -> None:
    assert scrub(text) == left


def test_what_is_no_object_is_dropped() -> None:
    assert strip({}) is None
    assert strip({"metadata": {"name": "x"}}) is None
