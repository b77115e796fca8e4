from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bootstrap.local.upstream.charts import Charts
from bootstrap.local.upstream.definitions import generic
from bootstrap.local.upstream.demand import ChartDemand
from bootstrap.local.upstream.journal import read
from bootstrap.local.upstream.message import HttpResponse
from bootstrap.local.upstream.oci_registry import OciRegistries
from bootstrap.local.upstream.standin import build_chart
from tests.unit.upstream.fakes import FakeUpstream, body, get, origins

HOST = "https://registry.example.com"
NAME = "team/karpenter"
REAL = build_chart(generic("karpenter"), "karpenter", "1.11.1+real")
DEMAND = [ChartDemand("oci://registry.example.com/team", "karpenter", "1.11.1")]


def registries(tmp_path: Path, client: FakeUpstream) -> OciRegistries:
    found = origins(tmp_path, client)
    return OciRegistries(client, Charts(found))


def ask(registry: OciRegistries, path: str, method: str = "GET") -> HttpResponse:
    return registry.answer(get(f"{HOST}/v2/{path}", method), DEMAND)


def test_a_stand_in_is_pulled_as_the_specification_says(tmp_path: Path) -> None:
    registry = registries(tmp_path, FakeUpstream())
    assert ask(registry, "").status == 200
    answer = ask(registry, f"{NAME}/manifests/1.11.1")
    manifest = json.loads(body(answer))
    assert answer.headers["Content-Type"] == manifest["mediaType"]
    digest = answer.headers["Docker-Content-Digest"]
    assert digest == "sha256:" + hashlib.sha256(body(answer)).hexdigest()
    assert body(ask(registry, f"{NAME}/manifests/{digest}")) == body(answer)
    for part in (manifest["config"], *manifest["layers"]):
        blob = body(ask(registry, f"{NAME}/blobs/{part['digest']}"))
        assert (len(blob), "sha256:" + hashlib.sha256(blob).hexdigest()) == (part["size"], part["digest"])
    config = json.loads(body(ask(registry, f"{NAME}/blobs/{manifest['config']['digest']}")))
    assert (config["name"], config["version"]) == ("karpenter", "1.11.1")
    assert [(one.source, one.origin) for one in read(tmp_path / "served.jsonl")] == [
        ("oci://registry.example.com/team/karpenter", "stand-in")
    ]


def test_tags_build_metadata_and_what_is_not_there(tmp_path: Path) -> None:
    registry = registries(tmp_path, FakeUpstream())
    assert json.loads(body(ask(registry, f"{NAME}/tags/list")))["tags"] == ["1.11.1"]
    ask(registry, f"{NAME}/manifests/1.0.0_build")
    assert [one.version for one in read(tmp_path / "served.jsonl")] == ["1.0.0+build"]
    assert ask(registry, f"{NAME}/blobs/sha256:{'0' * 64}").status == 404
    assert ask(registry, f"{NAME}/referrers").status == 404
    assert ask(registry, f"{NAME}/blobs/uploads", "POST").status == 405


def test_a_reachable_registry_answers_itself_and_its_chart_is_kept(tmp_path: Path) -> None:
    layer = "sha256:" + hashlib.sha256(REAL).hexdigest()
    kind = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    manifest = json.dumps({"layers": [{"mediaType": kind, "digest": layer}]}).encode()
    client = FakeUpstream(
        {
            f"{HOST}/v2/{NAME}/manifests/1.11.1": (200, {"docker-content-digest": "sha256:1"}, manifest),
            f"{HOST}/v2/{NAME}/blobs/{layer}": REAL,
            f"{HOST}/v2/": (401, {"www-authenticate": "Bearer realm=x"}, b""),
        }
    )
    registry = registries(tmp_path, client)
    assert ask(registry, "").headers == {"www-authenticate": "Bearer realm=x"}
    assert ask(registry, f"{NAME}/manifests/1.11.1").headers["docker-content-digest"] == "sha256:1"
    assert body(ask(registry, f"{NAME}/blobs/{layer}")) == REAL
    offline = registries(tmp_path, FakeUpstream())
    digests = [one["digest"] for one in json.loads(body(ask(offline, f"{NAME}/manifests/1.11.1")))["layers"]]
    assert digests == [layer]
    assert ask(registry, f"{NAME}/manifests/9.9.9").status == 404
