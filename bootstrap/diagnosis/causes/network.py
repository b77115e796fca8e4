"""Ingresses without an address."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief
from bootstrap.diagnosis.picture import first_seen
from bootstrap.diagnosis.strip import INGRESS_CLASS
from bootstrap.kubernetes.objects import INGRESS, Json, Key, metadata, spec

NOTICED = 50.0  # seconds in which a controller that runs has shown that it saw the Ingress
BALANCER = 290.0  # seconds that a load balancer may take to be made


def rule(scene: Scene) -> Iterator[Candidate]:
    for item in scene.sick(INGRESS):
        warnings = [event for event in scene.picture.events(item) if event.get("type") == "Warning"]
        path, command = scene.path(item), scene.describe(item)
        if warnings:
            said = f"{warnings[0].get('reason')}: {warnings[0].get('message')}"
            yield Candidate("ingress-without-address", path, brief(said), command, first_seen(warnings[0]))
            continue
        made, (reason, patience) = born(item), _silence(scene, item)
        since = made + patience if made is not None else None
        below = (f"IngressClass {spec(item).get('ingressClassName')}",) if not patience else ()
        yield Candidate("ingress-without-address", (*path, *below), reason, command, since)


def _silence(scene: Scene, item: Json) -> tuple[str, float]:
    """What the silence of its controller means, and the seconds until it means something."""
    wanted = spec(item).get("ingressClassName")
    unread = any(text.startswith(str(INGRESS_CLASS)) for text in scene.picture.unread)
    if wanted and not unread and Key(INGRESS_CLASS, "", str(wanted)) not in scene.picture.by_key:
        return f"there is no IngressClass {wanted}, so no controller takes it on", 0.0
    if metadata(item).get("finalizers") or scene.picture.events(item):
        return "its controller has seen it, and has written no address yet", BALANCER
    return "no controller has taken notice of it; does the ingress controller run?", NOTICED
