"""What the linter knows of the versions of Kubernetes and Argo CD that are rehearsed."""

from __future__ import annotations

import pytest

from bootstrap.kubernetes.objects import Kind
from bootstrap.lint.graph import cluster
from bootstrap.lint.rules.health_kinds import has_health_check


@pytest.mark.parametrize(
    ("group", "kind", "known"),
    [
        ("", "Pod", True),
        ("", "ConfigMap", False),
        ("apps", "Deployment", True),
        ("argoproj.io", "ApplicationSet", True),
        ("argoproj.io", "Application", False),  # only where argocd-cm says how
        ("cert-manager.io", "CertificateRequest", True),
        ("karpenter.sh", "NodeClaim", True),
        ("gateway.networking.k8s.io", "GatewayClass", True),
        ("sql.cnrm.cloud.google.com", "SQLUser", True),
        ("s3.services.k8s.aws", "Bucket", True),
        ("services.k8s.aws", "Bucket", False),
        ("kro.run", "WebApplication", True),
        ("operator.victoriametrics.com", "VMAgent", True),
        ("example.com", "Widget", False),
    ],
)
def test_health_checks_that_argo_cd_brings(group: str, kind: str, known: bool) -> None:
    assert has_health_check(Kind(group, kind)) is known


@pytest.mark.parametrize(
    ("group", "kind", "served"),
    [
        ("storagemigration.k8s.io", "StorageVersionMigration", True),
        ("resource.k8s.io", "ResourceClaim", True),
        ("lifecycle.k8s.io", "Anything", True),
        ("snapshot.storage.k8s.io", "VolumeSnapshot", False),
        ("gateway.networking.k8s.io", "Gateway", False),
    ],
)
def test_groups_of_the_api_server(group: str, kind: str, served: bool) -> None:
    assert cluster.serves(Kind(group, kind)) is served
