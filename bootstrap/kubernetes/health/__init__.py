"""Health of an object: a pure function from JSON to (status, message).

`assess` knows the kinds the platform depends on, one module a family, and falls back to the usual
conditions (Ready, Available). The words are Argo CD's. An object whose status was written for an older
generation is Progressing: its status says nothing about what was asked for last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bootstrap.kubernetes.health import argo, core, extensions, workloads
from bootstrap.kubernetes.health.model import HEALTHY, Health, HealthStatus, progressing, said
from bootstrap.kubernetes.objects import Json, Kind, condition, metadata, status, terminating

__all__ = ["HEALTHY", "Health", "HealthStatus", "assess", "stale"]

_RULES: Mapping[Kind, Callable[[Json], Health]] = {
    **workloads.RULES,
    **core.RULES,
    **extensions.RULES,
    **argo.RULES,
}


def assess(item: Json) -> Health:
    """The health of any object."""
    if terminating(item):
        return progressing("is being deleted")
    if stale(item):
        return progressing("its controller has not looked at the last change yet")
    return _RULES.get(Kind.of(item).unversioned, _by_conditions)(item)


def stale(item: Json) -> bool:
    """Whether the status is older than the specification. Kinds without observedGeneration cannot tell."""
    observed, wanted = status(item).get("observedGeneration"), metadata(item).get("generation")
    return isinstance(observed, int) and isinstance(wanted, int) and observed < wanted


def _by_conditions(item: Json) -> Health:
    """Judge by the first of the usual conditions that is there."""
    for kind in ("Ready", "Available"):
        found = condition(item, kind)
        if found is not None:
            return HEALTHY if found.get("status") == "True" else progressing(said(found))
    return HEALTHY
