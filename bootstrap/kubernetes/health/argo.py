"""Application and ApplicationSet as Argo CD reports them. Is the report current? See `kubernetes/argo.py`."""

from __future__ import annotations

from bootstrap.kubernetes.argo import View
from bootstrap.kubernetes.health.model import HEALTHY, Health, HealthStatus, degraded, progressing
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, Json, condition, is_true


def application(item: Json) -> Health:
    app = View(item)
    if app.sync == "Synced" and app.health == "Healthy":
        return progressing("an operation is running") if app.busy else HEALTHY
    message = app.message()
    if app.health == "Degraded":
        return degraded(message)
    if app.health == "Suspended":
        return Health(HealthStatus.SUSPENDED, message)
    return progressing(message)


def application_set(item: Json) -> Health:
    error = condition(item, "ErrorOccurred")
    if error and error.get("status") == "True":
        return degraded(str(error.get("message", "")))
    return HEALTHY if is_true(item, "ResourcesUpToDate") else progressing("has not made its Applications yet")


RULES = {APPLICATION: application, APPLICATION_SET: application_set}
