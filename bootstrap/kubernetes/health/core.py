"""Node, PersistentVolumeClaim, Service and Ingress."""

from __future__ import annotations

from bootstrap.kubernetes.health.model import HEALTHY, Health, HealthStatus, degraded, progressing, said
from bootstrap.kubernetes.objects import CLAIM, INGRESS, NODE, SERVICE, Json, condition, spec, status


def node(item: Json) -> Health:
    ready = condition(item, "Ready")
    if ready is None:
        return progressing("its kubelet has not reported yet")
    if ready.get("status") != "True":
        return degraded(said(ready)) if ready.get("status") == "Unknown" else progressing(said(ready))
    if spec(item).get("unschedulable"):
        return Health(HealthStatus.SUSPENDED, "is cordoned")
    return HEALTHY


def claim(item: Json) -> Health:
    match status(item).get("phase", "Pending"):
        case "Bound":
            return HEALTHY
        case "Lost":
            return degraded("its volume is lost")
        case phase:
            return progressing(f"is {phase}")


def service(item: Json) -> Health:
    if spec(item).get("type") == "LoadBalancer" and not addresses(item):
        return progressing("has no load balancer address yet")
    return HEALTHY


def ingress(item: Json) -> Health:
    return HEALTHY if addresses(item) else progressing("has no address yet")


def addresses(item: Json) -> tuple[str, ...]:
    """Host names and IPs under status.loadBalancer.ingress."""
    entries = (status(item).get("loadBalancer") or {}).get("ingress") or ()
    return tuple(entry.get("hostname") or entry.get("ip") for entry in entries if entry)


RULES = {NODE: node, CLAIM: claim, SERVICE: service, INGRESS: ingress}
