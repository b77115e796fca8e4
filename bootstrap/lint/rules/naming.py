"""Names that the API server refuses, or that Argo CD loses track of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.gitops.model import Manifest, Tree
from bootstrap.gitops.phases import Phase, phase
from bootstrap.kubernetes.objects import NAMESPACE, SERVICE, Kind, metadata, name
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.pods import CRON_JOB
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import finding, mapped, of_app, of_manifest, settings
from bootstrap.lint.rules.rule import Rule

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
# Kinds whose names are path segments rather than DNS names: no slash, no percent sign.
_FREE = {"rbac.authorization.k8s.io"}

INVALID = Rule("name-invalid")
TRACKING = Rule("tracking-label-too-long")

RULES = (INVALID, TRACKING)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    by_label = (settings(tree, "argocd-cm") or {}).get("application.resourceTrackingMethod") == "label"
    for app in tree.apps:
        if not (_SUBDOMAIN.fullmatch(app.name) and len(app.name) <= 253):
            yield finding(
                INVALID, app.where, of_app(app), f"{app.name!r} is not a DNS name", "correct metadata.name"
            )
        if by_label and len(app.name) > 63:
            yield finding(
                TRACKING,
                app.where,
                of_app(app),
                f"its name has {len(app.name)} characters, but the tracking label only has room for 63",
                "set application.resourceTrackingMethod: annotation in argocd-cm, or shorten the name",
                other="ConfigMap argocd-cm",
            )
        for manifest in app.manifests:
            if phase(manifest) is not Phase.NEVER and (why := wrong(manifest)):
                yield finding(
                    INVALID,
                    manifest.where,
                    of_manifest(manifest),
                    f"{why}: the API server rejects it, and the sync fails",
                    "correct the name or label",
                    other=of_app(app),
                )


def wrong(manifest: Manifest) -> str:
    """What the API server would say about names and labels; empty when nothing."""
    called, kind = name(manifest.item), manifest.key.kind
    pattern, longest = _rule(kind)
    if called and kind.group not in _FREE and not (pattern.fullmatch(called) and len(called) <= longest):
        return f"{called!r} is not a valid name for a {kind.name} (at most {longest} characters)"
    for key, value in mapped(metadata(manifest.item).get("labels")).items():
        if value is None:
            continue  # as good as absent
        if not isinstance(value, str) or len(value) > 63 or not _VALUE.fullmatch(value):
            return f"label {key} does not have a valid value"
    return ""


def _rule(kind: Kind) -> tuple[re.Pattern[str], int]:
    if kind == NAMESPACE:
        return _LABEL, 63
    if kind == SERVICE:
        return _SERVICE, 63
    return _SUBDOMAIN, 52 if kind == CRON_JOB else 253
