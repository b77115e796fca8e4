"""What extends the API: CustomResourceDefinition, APIService, and External Secrets' kinds."""

from __future__ import annotations

from bootstrap.kubernetes.health.model import HEALTHY, Health, degraded, progressing, said
from bootstrap.kubernetes.objects import (
    API_SERVICE,
    CRD,
    EXTERNAL_SECRET,
    SECRET_STORE,
    Json,
    Kind,
    condition,
    is_true,
    metadata,
    spec,
    status,
)


def definition(item: Json) -> Health:
    accepted = condition(item, "NamesAccepted")
    if accepted and accepted.get("status") == "False":
        return degraded(said(accepted))
    return HEALTHY if is_true(item, "Established") else progressing("is not Established yet")


def api_service(item: Json) -> Health:
    available = condition(item, "Available")
    if available is None:
        return progressing("was not probed yet")
    return HEALTHY if available.get("status") == "True" else progressing(said(available))


def secrets(item: Json) -> Health:
    """ExternalSecret and the stores: Ready, and nothing else, tells."""
    ready = condition(item, "Ready")
    if ready is None:
        return progressing("External Secrets has not looked at it yet")
    if ready.get("status") == "True":
        return progressing("was changed since its last refresh") if _outdated(item) else HEALTHY
    return degraded(said(ready))


def _outdated(item: Json) -> bool:
    """`syncedResourceVersion` is `<generation>-<hash>` of the ExternalSecret that was synced last."""
    if spec(item).get("refreshPolicy") == "CreatedOnce" or str(spec(item).get("refreshInterval")) in {
        "0",
        "0s",
    }:
        return False  # these are never synced again
    synced = str(status(item).get("syncedResourceVersion") or "").partition("-")[0]
    wanted = metadata(item).get("generation")
    return synced.isdigit() and isinstance(wanted, int) and int(synced) < wanted


RULES = {
    CRD: definition,
    API_SERVICE: api_service,
    EXTERNAL_SECRET: secrets,
    SECRET_STORE: secrets,
    Kind("external-secrets.io", "SecretStore"): secrets,
    Kind("external-secrets.io", "ClusterExternalSecret"): secrets,
}
