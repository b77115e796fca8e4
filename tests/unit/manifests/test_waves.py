"""The 15 waves: their files, numbers, sync policy, and what the project lets them do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.config.load import load
from bootstrap.gitops import directory
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.root import root_source
from bootstrap.kubernetes.argo import wave_of
from tests.manifests import APIS, APPS, MANIFESTS, ROOT, WAVES, app, charts, read, sources, spec

CONFIG = load(ROOT / "bootstrap.yaml", "dev")
PROJECT = read(MANIFESTS / "argocd/project.yaml")[0]["spec"]


def test_the_files_are_those_of_the_reference_platform() -> None:
    assert sorted(path.stem for path in APPS.iterdir()) == list(WAVES)


@pytest.mark.parametrize("stem", WAVES)
def test_the_annotation_is_the_number_in_the_name(stem: str) -> None:
    wave = app(stem)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
    assert wave == str(int(stem.partition("-")[0]))


def test_the_product_reads_the_same_waves() -> None:
    objects = list(directory.read(Checkout(ROOT), root_source(CONFIG.gitops)))
    found = sorted((wave_of(one.item), Path(one.where.file).stem) for one in objects if one.where)
    assert found == [(int(stem.partition("-")[0]), stem) for stem in WAVES]


@pytest.mark.parametrize("stem", WAVES)
def test_every_application_heals_itself_and_retries(stem: str) -> None:
    policy = spec(app(stem))["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert policy["retry"]["limit"] > 0
    assert policy["retry"]["backoff"]["maxDuration"]
    assert {
        "CreateNamespace=false",
        "ServerSideApply=true",
        "Validate=false",
        "ApplyOutOfSyncOnly=true",
    } <= set(policy["syncOptions"])


@pytest.mark.parametrize("stem", WAVES)
def test_what_an_application_uses_is_in_its_project(stem: str) -> None:
    one = spec(app(stem))
    assert one["project"] == CONFIG.gitops.project
    assert {source["repoURL"] for source in sources(app(stem))} <= set(PROJECT["sourceRepos"])
    targets = {target["namespace"] for target in PROJECT["destinations"]}
    wanted = set(APIS) if stem == "60-apis-appset" else {one["destination"]["namespace"]}
    assert wanted <= targets


def test_the_project_allows_no_repository_that_nobody_uses() -> None:
    used = {source["repoURL"] for stem in WAVES for source in sources(app(stem))}
    assert set(PROJECT["sourceRepos"]) == used


@pytest.mark.parametrize("stem", WAVES)
def test_own_sources_are_the_configured_repository(stem: str) -> None:
    for source in sources(app(stem)):
        if "path" in source:
            assert source["repoURL"] == CONFIG.gitops.repo_url
            assert source["targetRevision"] == CONFIG.gitops.revision
            folder = ROOT / source["path"].replace("{{.domain}}", "auth")
            assert (folder / "kustomization.yaml").is_file()


def test_charts_are_pinned_to_one_version() -> None:
    versions = {source["chart"]: str(source["targetRevision"]) for _, source in charts()}
    assert not [version for version in versions.values() if set(version) & set("*^~<>x ")]
    reference = {
        "aws-load-balancer-controller": "1.8.3",
        "external-dns": "1.14.0",
        "external-secrets": "0.19.2",
    }
    assert reference.items() <= versions.items()


def test_the_set_makes_the_seven_apis() -> None:
    item = app("60-apis-appset")
    elements = item["spec"]["generators"][0]["list"]["elements"]
    assert [element["domain"] for element in elements] == list(APIS)
    ignored = spec(item)["ignoreDifferences"]
    assert {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]} in ignored
    assert "RespectIgnoreDifferences=true" in spec(item)["syncPolicy"]["syncOptions"]


def test_every_wave_has_a_hint_and_no_hint_is_for_nothing() -> None:
    numbers = {int(stem.partition("-")[0]) for stem in WAVES}
    assert set(CONFIG.waves.hints) == numbers
    assert set(CONFIG.waves.deadlines) <= numbers


def test_every_kind_of_hook_is_in_use() -> None:
    hooks = {
        item["metadata"]["annotations"]["argocd.argoproj.io/hook"]
        for file in MANIFESTS.rglob("*-job.yaml")
        for item in read(file)
    }
    assert hooks == {"PreSync", "Sync", "PostSync", "SyncFail", "Skip"}


def test_argo_cd_knows_what_it_must_wait_for() -> None:
    checks = set(read(MANIFESTS / "argocd/health.yaml")[0]["data"])
    prefix = "resource.customizations.health."
    assert {f"{prefix}argoproj.io_Application", f"{prefix}argoproj.io_ApplicationSet"} <= checks
    parameters = read(MANIFESTS / "argocd/parameters.yaml")[0]["data"]
    assert parameters["applicationsetcontroller.enable.progressive.syncs"] == "true"
