"""What has to be true of External Secrets Operator before anything relies on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.kubernetes.objects import CRD, VALIDATING_WEBHOOKS, Json, Key, Kind, by_key, dig, spec

GROUP = "external-secrets.io"


def definitions(manifests: Iterable[Json]) -> list[Json]:
    """ESO's own CustomResourceDefinitions among the manifests."""
    return [
        item for item in manifests if Kind.of(item).unversioned == CRD and _is_ours(spec(item).get("group"))
    ]


def ours(kind: Kind) -> bool:
    """Whether it is one of ESO's own kinds."""
    return _is_ours(kind.group)


def _is_ours(group: object) -> bool:
    return f".{group}".endswith(f".{GROUP}")


def webhooks(manifests: Iterable[Json]) -> list[Key]:
    """The validating webhook configurations among the manifests."""
    return [Key.of(item) for item in manifests if Kind.of(item).unversioned == VALIDATING_WEBHOOKS]


def late_webhooks(wanted: Iterable[Key], configurations: Iterable[Json], slices: Iterable[Json]) -> list[str]:
    """What is missing until these webhook configurations can be called."""
    live, ready = by_key(configurations), _ready_services(slices)
    late: list[str] = []
    for key in wanted:
        item = live.get(key, {})
        late += [] if item else [f"{key.name} is not there"]
        late += [f"{hook} has no certificate authority" for hook in _without_bundle(item)]
        late += [f"Service {service} has no endpoint" for _, service in sorted(_services(item) - ready)]
    return late


def _services(item: Json) -> set[tuple[str, str]]:
    """Namespace and name of the Services that a webhook configuration calls."""
    services = (dig(hook, "clientConfig", "service") for hook in item.get("webhooks") or ())
    return {(str(service["namespace"]), str(service["name"])) for service in services if service}


def _without_bundle(item: Json) -> list[str]:
    """Webhooks whose certificate authority was not filled in yet."""
    hooks = item.get("webhooks") or ()
    return [str(hook.get("name")) for hook in hooks if not dig(hook, "clientConfig", "caBundle")]


def _ready_services(slices: Iterable[Json]) -> set[tuple[str, str]]:
    """Namespace and name of the Services that have an endpoint that is ready."""
    return {
        (
            str(dig(item, "metadata", "namespace")),
            str(dig(item, "metadata", "labels", "kubernetes.io/service-name")),
        )
        for item in slices
        if any(dig(endpoint, "conditions", "ready") is not False for endpoint in item.get("endpoints") or ())
    }


def proof(namespace: str) -> Json:
    """An ExternalSecret that the API server, its CRD and ESO's webhook have to accept; never stored."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "bootstrap-proof", "namespace": namespace},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": "bootstrap-proof"},
            "target": {"name": "bootstrap-proof"},
            "data": [{"secretKey": "proof", "remoteRef": {"key": "/bootstrap/proof"}}],
        },
    }
