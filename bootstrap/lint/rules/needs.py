"""Needs that nobody fulfils, and needs that are fulfilled too late."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.lint.graph import Graph, Topic
from bootstrap.lint.model import Finding, Rule, Severity, Tree

CRD_MISSING = Rule(
    "crd-missing",
    Severity.ERROR,
    "a custom resource whose CustomResourceDefinition nobody brings",
    "The API server does not know the kind: the sync fails before anything is applied.",
    failing="""
kind: Application
metadata: {name: dev-data, annotations: {argocd.argoproj.io/sync-wave: "35"}}
---
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
""",
    passing="""
kind: Application
metadata: {name: dev-crds, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: redisfailovers.databases.spotahome.com}
spec: {group: databases.spotahome.com, names: {kind: RedisFailover, plural: redisfailovers}}
""",
)

RULES: tuple[Rule, ...] = (CRD_MISSING,)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:  # noqa: ARG001
    for need in graph.missing:
        if need.topic is Topic.CRD:
            why = f"the API server does not know {need.user.key.kind}"
            cure = f"add {need.wanted} to an Application of an earlier wave"
            yield Finding(
                CRD_MISSING.id, Severity.ERROR, need.user.where, str(need.user.key), need.wanted, why, cure
            )
