"""Namespaces, nodes, addresses and stand-ins agree with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bootstrap.local.upstream
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.gitops.checksums import pinned
from bootstrap.local.upstream.definitions import load as load_definitions
from tests.manifests import (
    APIS,
    MANIFESTS,
    ROOT,
    app,
    charts,
    namespaces,
    read,
    remote_files,
    sources,
    values_within,
)

DEV, LOCAL = (load(ROOT / "bootstrap.yaml", name) for name in ("dev", "local"))
STANDINS = load_definitions(Path(bootstrap.local.upstream.__file__).parent / "standins")
# What the toolchain brings in the original: no stand-in is needed.
SHARED_CHARTS = {"external-secrets"}
# Files that are made when a version is released: upstream publishes no checksum, and no commit holds them.
RELEASE_FILES = {"cluster-operator.yml", "stripped-down-crds.yaml"}
SHARED_FILES = ("/argo-cd/v3.6.1/manifests/install.yaml", "/deploy/crds/bundle.yaml")


def test_thirteen_namespaces_with_tier_and_domain() -> None:
    found = namespaces()
    assert len(found) == 13
    assert all(set(labels) == {"tier", "domain"} for labels in found.values())
    assert set(APIS) == {name for name, labels in found.items() if labels["tier"] == "api"}


def test_every_namespace_denies_by_default() -> None:
    listed = read(MANIFESTS / "network-policies/kustomization.yaml")[0]["resources"]
    assert set(listed) == set(namespaces())
    for name in listed:
        overlay = read(MANIFESTS / "network-policies" / name / "kustomization.yaml")[0]
        assert overlay["namespace"] == name
        assert {"../base", "../tiers/api"} & set(overlay["resources"])


def test_fourteen_nodes_as_in_the_reference_platform() -> None:
    roles = [node.role for node in DEV.nodes]
    assert (len(roles), roles.count("control-plane")) == (14, 1)
    domains = [node.labels["domain"] for node in DEV.nodes]
    others = ["control-plane", "storage", "ai", "postgresql", "redis", "rabbitmq", "monitoring"]
    assert sorted(domains) == sorted([*APIS, *others])
    for node in DEV.nodes:
        assert set(node.labels) == {"workload", "domain", "tier", "phase", "role"}
        taints = [(taint.key, taint.value, taint.effect) for taint in node.taints]
        assert taints == [("domain", node.labels["domain"], "NoSchedule")]


def test_namespaces_with_a_node_have_its_domain() -> None:
    domains = {node.labels["domain"] for node in DEV.nodes}
    for name, labels in namespaces().items():
        if labels["tier"] in {"api", "data", "observability"}:
            assert labels["domain"] in domains, name


@pytest.mark.parametrize("environment", [DEV, LOCAL], ids=["dev", "local"])
def test_both_environments_build_the_same_platform(environment: Environment) -> None:
    assert environment.ssm_prefix == DEV.ssm_prefix
    assert environment.nodes == DEV.nodes
    assert [seed.name for seed in environment.seeds] == [seed.name for seed in DEV.seeds]


def test_policies_name_the_vpc() -> None:
    blocks = {
        block["cidr"]
        for file in (MANIFESTS / "network-policies").rglob("*.yaml")
        for item in read(file)
        for block in values_within(item, "ipBlock")
    }
    assert blocks == {DEV.network.vpc_cidr, "0.0.0.0/0", "169.254.169.254/32"}


def test_calico_is_what_user_data_installed() -> None:
    (chart,) = [source for source in sources(app("05-calico")) if "chart" in source]
    assert chart["targetRevision"] == DEV.terraform.variables["calico_version"]
    (pool,) = chart["helm"]["valuesObject"]["installation"]["calicoNetwork"]["ipPools"]
    assert (pool["cidr"], pool["encapsulation"]) == (DEV.terraform.variables["pod_cidr"], "VXLAN")


def test_the_ingress_has_the_configured_domain() -> None:
    assert read(MANIFESTS / "ingress/domain.yaml")[0]["data"]["name"] == DEV.domain


def test_the_ingress_uses_terraforms_security_group() -> None:
    annotations = read(MANIFESTS / "ingress/kustomization.yaml")[0]["commonAnnotations"]
    group = annotations["alb.ingress.kubernetes.io/security-groups"]
    assert group == f"{DEV.project}-{DEV.name}-alb"
    assert '"${var.cluster_name}-alb"' in (ROOT / "terraform/modules/security/main.tf").read_text()


def test_every_chart_can_be_had_without_a_network() -> None:
    needed = {source["chart"] for _, source in charts()}
    assert needed == set(STANDINS.charts) | SHARED_CHARTS


def test_every_remote_file_can_be_had_without_a_network() -> None:
    missing = [url for url in remote_files() if not STANDINS.file(url) and not url.endswith(SHARED_FILES)]
    assert missing == []


def test_every_remote_file_has_its_checksum() -> None:
    texts = [file.read_text() for file in MANIFESTS.rglob("kustomization.yaml")]
    without = {url for url in remote_files() if not any(pinned(text, url) for text in texts)}
    assert {url.rpartition("/")[2] for url in without} == RELEASE_FILES


def test_what_argo_cd_fetches_itself_is_pinned_to_a_commit() -> None:
    """It knows no checksums. Its own manifests are applied by `up`, which does."""
    by_tag = {url.rpartition("/")[2] for url in remote_files() if not re.search(r"/[0-9a-f]{40}/", url)}
    assert by_tag == {*RELEASE_FILES, "install.yaml"}


def test_every_release_is_pinned_to_a_version() -> None:
    urls = [url for url in remote_files() if url.rpartition("/")[2] in {*RELEASE_FILES, "install.yaml"}]
    assert all(re.search(r"/v\d+\.\d+\.\d+/", url) for url in urls)
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", source["targetRevision"]) for _, source in charts())
