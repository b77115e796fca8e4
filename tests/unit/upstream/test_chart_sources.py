"""Charts and files: upstream, else cache, else share, else stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.local.upstream import toolchain_files
from bootstrap.local.upstream.charts import Charts
from bootstrap.local.upstream.definitions import Crd, Definitions
from bootstrap.local.upstream.demand import ChartDemand
from bootstrap.local.upstream.helm_repository import HelmRepositories
from bootstrap.local.upstream.journal import read
from bootstrap.local.upstream.message import HttpResponse
from bootstrap.local.upstream.origins import Origins
from bootstrap.local.upstream.remote_files import RemoteFiles
from tests.unit.upstream.fakes import FakeUpstream, body, get, origins

REPO = "https://charts.example.com/stable"
INDEX = """
entries:
  ingress:
    - {name: ingress, version: 1.2.3, urls: [ingress-1.2.3.tgz]}
    - {name: ingress, version: 1.3.0, urls: ["https://releases.example.com/ingress-1.3.0.tgz"]}
  other: [{name: other, version: 1.0.0, urls: [other.tgz]}]
"""
ONLINE = {
    f"{REPO}/index.yaml": INDEX.encode(),
    f"{REPO}/ingress-1.2.3.tgz": b"the chart",
    "https://releases.example.com/ingress-1.3.0.tgz": b"the newer chart",
}


class Scene:
    """A Helm repository behind a world that can be cut off."""

    def __init__(self, tmp_path: Path, client: FakeUpstream) -> None:
        self.client, self.served = client, tmp_path / "served.jsonl"
        self.origins: Origins = origins(tmp_path, client)
        self.repositories = HelmRepositories(Charts(self.origins))

    def ask(self, path: str, *versions: str, **headers: str) -> HttpResponse | None:
        demand = [ChartDemand(REPO, "ingress", version) for version in versions or ("1.2.3",)]
        return self.repositories.answer(get(f"{REPO}/{path}", **headers), demand)

    def index(self, *versions: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(body(self.ask("index.yaml", *versions)))
        return {chart: [one["version"] for one in entries] for chart, entries in found["entries"].items()}

    def chart(self, version: str) -> bytes:
        return body(self.ask(f"bootstrap-charts/ingress/{version}.tgz"))

    @property
    def journal(self) -> list[tuple[str, str]]:
        return [(one.version, one.origin) for one in read(self.served)]


def test_upstream_first_and_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream(ONLINE))
    assert scene.index() == {"ingress": ["1.2.3", "1.3.0"]}
    assert scene.chart("1.2.3") == b"the chart"
    offline = Scene(tmp_path, FakeUpstream())
    assert offline.chart("1.2.3") == b"the chart"
    assert offline.journal == [("1.2.3", "cache")]
    assert offline.served.read_text().count("upstream") == 1


def test_a_version_that_upstream_does_not_have_is_an_error(tmp_path: Path) -> None:
    answer = Scene(tmp_path, FakeUpstream(ONLINE)).ask("bootstrap-charts/ingress/9.9.9.tgz")
    assert answer is not None
    assert (answer.status, b"no version 9.9.9" in body(answer)) == (404, True)


def test_a_refusal_is_passed_on(tmp_path: Path) -> None:
    answer = Scene(tmp_path, FakeUpstream({f"{REPO}/index.yaml": (401, {}, b"who?")})).ask("index.yaml")
    assert answer is not None
    assert answer.status == 401


@pytest.mark.parametrize("broken", [f"{REPO}/index.yaml", f"{REPO}/ingress-1.2.3.tgz"])
def test_an_upstream_that_is_broken_is_like_none(tmp_path: Path, broken: str) -> None:
    scene = Scene(tmp_path, FakeUpstream({**ONLINE, broken: (503, {}, b"later")}))
    assert scene.chart("1.2.3")
    assert scene.journal == [("1.2.3", "stand-in")]


def test_offline_the_index_lists_what_is_asked_for(tmp_path: Path) -> None:
    assert Scene(tmp_path, FakeUpstream()).index("1.2.3", "v2.0.0", "^3.1") == {
        "ingress": ["1.2.3", "3.1.0", "v2.0.0"]
    }


def test_offline_a_range_prefers_what_was_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream())
    scene.origins.cache.keep_chart(REPO, "ingress", "1.4.0", b"kept")
    assert scene.index(">=1.2.0") == {"ingress": ["1.4.0"]}
    assert scene.chart("1.4.0") == b"kept"


def test_credentials_go_to_the_repository_and_nowhere_else(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream(ONLINE))
    scene.ask("bootstrap-charts/ingress/1.3.0.tgz", authorization="Basic abc")
    shown = {url: "authorization" in headers for _, url, headers in scene.client.asked}
    assert shown == {f"{REPO}/index.yaml": True, "https://releases.example.com/ingress-1.3.0.tgz": False}


def test_the_index_is_read_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream(ONLINE))
    scene.index()
    scene.chart("1.2.3")
    assert [url for _, url, _ in scene.client.asked].count(f"{REPO}/index.yaml") == 1


def test_other_paths_are_not_the_repositorys(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream())
    assert scene.ask("something/else") is None
    assert scene.repositories.answer(get("https://charts.example.com/index.yaml"), []) is None


def test_build_metadata_survives_the_path(tmp_path: Path) -> None:
    scene = Scene(tmp_path, FakeUpstream())
    index = json.loads(body(scene.ask("index.yaml", "1.0.0+build.5")))
    url = index["entries"]["ingress"][0]["urls"][0]
    assert body(scene.ask(url))
    assert scene.journal == [("1.0.0+build.5", "stand-in")]


def share(tmp_path: Path) -> None:
    root = tmp_path / "share"
    (root / "argocd" / "crds").mkdir(parents=True)
    (root / "argocd" / "install.yaml").write_text("image: quay.example.com/argoproj/argocd:v3.6.1\n")
    (root / "argocd" / "crds" / "application-crd.yaml").write_text("kind: CustomResourceDefinition\n")
    (root / "external-secrets" / "chart" / "templates" / "crds").mkdir(parents=True)
    (root / "external-secrets" / "chart" / "Chart.yaml").write_text(
        "{name: external-secrets, version: 0.19.2}\n"
    )
    (root / "external-secrets" / "chart" / "templates" / "crds" / "README.md").write_text("generated")
    (root / "external-secrets" / "crds.yaml").write_text("description: uses {{ braces }}\n")


RAW = "https://raw.example.com"
ARGO = f"{RAW}/argoproj/argo-cd/v3.6.1/manifests/install.yaml"


def test_files_of_the_toolchain_are_the_real_ones_for_their_version(tmp_path: Path) -> None:
    share(tmp_path)
    files = RemoteFiles(origins(tmp_path, FakeUpstream()))
    assert b"v3.6.1" in body(files.answer(get(ARGO)))
    crds = f"{RAW}/argoproj/argo-cd/v3.6.1/manifests/crds/application-crd.yaml"
    assert b"CustomResource" in body(files.answer(get(crds)))
    bundle = f"{RAW}/external-secrets/external-secrets/v0.19.2/deploy/crds/bundle.yaml"
    assert b"braces" in body(files.answer(get(bundle)))
    (commit,) = toolchain_files._COMMITS
    assert b"braces" in body(files.answer(get(bundle.replace("v0.19.2", commit))))
    assert files.answer(get(ARGO.replace("v3.6.1", "v3.3.0"))).status == 404
    assert {one.origin for one in read(tmp_path / "served.jsonl")} == {"cache"}


def test_the_toolchains_chart_obeys_install_crds(tmp_path: Path) -> None:
    share(tmp_path)
    found = origins(tmp_path, FakeUpstream())
    assert found.share.chart("external-secrets", "0.19.3") is None
    chart = found.share.chart("external-secrets", "0.19.2")
    assert chart is not None
    assert Charts(found).local(REPO, "external-secrets", "0.19.2").content == chart
    assert Charts(found).local_versions(REPO, "external-secrets", ["~0.19"]) == ["0.19.2"]


def test_a_file_is_kept_and_used_when_upstream_is_gone(tmp_path: Path) -> None:
    assert body(RemoteFiles(origins(tmp_path, FakeUpstream({ARGO: b"real"}))).answer(get(ARGO))) == b"real"
    assert body(RemoteFiles(origins(tmp_path, FakeUpstream())).answer(get(ARGO))) == b"real"
    assert (
        body(RemoteFiles(origins(tmp_path, FakeUpstream({ARGO: (500, {}, b"")}))).answer(get(ARGO)))
        == b"real"
    )
    assert (
        RemoteFiles(origins(tmp_path, FakeUpstream({ARGO: (404, {}, b"")}))).answer(get(ARGO)).status == 404
    )


def test_a_file_by_its_crd_or_a_plain_no(tmp_path: Path) -> None:
    crd = Crd(group="g.io", kind="Thing", plural="things", versions=("v1",))
    files = RemoteFiles(origins(tmp_path, FakeUpstream(), Definitions(crds={"g.io_things": crd})))
    assert b"things.g.io" in body(files.answer(get(f"{RAW}/crd/bases/g.io_things.yaml")))
    answer = files.answer(get(f"{RAW}/else.yaml"))
    assert answer.status == 404
    assert b"has no stand-in" in body(answer)
