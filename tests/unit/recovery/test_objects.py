"""What has to be equal after a restore, and what cannot be."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from bootstrap.kubernetes.objects import Json
from bootstrap.recovery import objects


def item(kind: str, name: str, version: str = "v1", **rest: Any) -> Json:
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "1", "generation": 1}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}


def trust_bundle(signer: str) -> Json:
    return item("ClusterTrustBundle", "x", "certificates.k8s.io/v1", spec={"signerName": signer})


def never(kind: str, which: str) -> bool:
    return False


CONFIG = item("ConfigMap", "settings", data={"colour": "green"})


def changed(**meta: Any) -> Json:
    other = deepcopy(CONFIG)
    other["metadata"].update(meta)
    return other


@pytest.mark.parametrize(
    "other",
    [
        changed(resourceVersion="99", generation=4, managedFields=[{"manager": "x"}]),
        changed(annotations={"argocd.argoproj.io/refresh": "normal"}),
        changed(finalizers=["kubernetes.io/pv-protection"]),
        {**CONFIG, "status": {"phase": "x"}},
    ],
)
def test_bookkeeping_does_not_count(other: Json) -> None:
    assert objects.digest(other) == objects.digest(CONFIG)


@pytest.mark.parametrize(
    "other",
    [
        {**CONFIG, "data": {"colour": "blue"}},
        changed(labels={"app": "shop"}),
        changed(annotations={"owner": "me"}),
    ],
)
def test_what_people_asked_for_counts(other: Json) -> None:
    assert objects.digest(other) != objects.digest(CONFIG)


def test_authorities_of_webhooks_are_injected_anew() -> None:
    def hook(bundle: str) -> Json:
        config = {"caBundle": bundle, "url": "https://x"}
        return item("ValidatingWebhookConfiguration", "x", webhooks=[{"name": "x", "clientConfig": config}])

    assert objects.digest(hook("old")) == objects.digest(hook("new"))


@pytest.mark.parametrize(
    "fleeting",
    [
        item("Pod", "x"),
        item("Lease", "x", "coordination.k8s.io/v1"),
        item("Node", "x"),
        item("ConfigMap", "kube-root-ca.crt"),
        item("Secret", "x", type="kubernetes.io/service-account-token"),
        trust_bundle("kubernetes.io/kube-apiserver-serving"),
    ],
)
def test_what_is_of_machines_is_not_compared(fleeting: Json) -> None:
    assert objects.marks([fleeting]) == {}


def test_a_trust_bundle_of_somebody_else_is_compared() -> None:
    assert objects.marks([trust_bundle("example.com/ours")]) != {}


def test_a_comparison_names_what_differs() -> None:
    lost, other = item("Secret", "lost"), item("ConfigMap", "other", data={"a": "1"})
    remade = {**CONFIG, "metadata": {**CONFIG["metadata"], "uid": "another"}}
    before = objects.marks([CONFIG, lost, other])
    now = objects.marks([remade, {**other, "data": {"a": "2"}}, item("Secret", "new")])
    found = objects.compare(before, now, never)
    assert (found.equal, found.same) == (1, 0)
    assert found.differing == ("ConfigMap shop/other is changed", "Secret shop/lost is missing")
    excused = objects.compare(before, now, lambda kind, which: kind == "Secret")
    assert excused.remade == ("Secret shop/lost is missing",)
    assert str(excused) == "1 of 3 objects equal, 1 made anew for the new environment"


def test_marks_survive_being_written() -> None:
    marks = objects.marks([CONFIG, item("Deployment", "api", "apps/v1", spec={"replicas": 1})])
    assert objects.decode(objects.encode(marks)) == marks
    assert set(marks) == {"ConfigMap", "Deployment.apps"}


def test_secrets_of_facts_are_those_with_a_key_that_was_not_restored() -> None:
    def external(name: str, *keys: str, target: str = "") -> Json:
        spec: Json = {"data": [{"remoteRef": {"key": key}} for key in keys]}
        return item(
            "ExternalSecret",
            name,
            "external-secrets.io/v1",
            spec=spec | ({"target": {"name": target}} if target else {}),
        )

    found = objects.of_facts(
        [external("a", "/p/seed"), external("b", "/p/seed", "/p/vpc"), external("c", "/p/vpc", target="d")],
        frozenset({"/p/seed"}),
    )
    assert found == {"shop/b", "shop/d"}
