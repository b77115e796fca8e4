"""The examples of manifests/examples/databases.md are rendered by kustomize itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.local.toolchain import Toolchain
from bootstrap.steps import archive

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "manifests" / "examples" / "databases"


def render(example: str) -> dict[str, Any]:
    program = Toolchain.locate(ROOT).path("kustomize")
    if not program.exists():
        pytest.skip("not built yet: kustomize")
    done = subprocess.run([program, "build", EXAMPLES / example], capture_output=True, text=True, check=True)
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in yaml.safe_load_all(done.stdout)}


def test_cloudnative_pg_recovers_from_one_place_and_archives_to_another() -> None:
    spec = render("cnpg")["Cluster/eco2"]["spec"]
    target = spec["backup"]["barmanObjectStore"]["destinationPath"]
    (source,) = spec["externalClusters"]
    assert spec["bootstrap"]["recovery"]["source"] == source["name"]
    places = {target, source["barmanObjectStore"]["destinationPath"]}
    assert len(places) == 2, "or the archive would not be empty"
    assert all(place.startswith("s3://my-archive/databases/eco2/dev/2026") for place in places)


def test_crunchy_reads_both_places_from_ssm() -> None:
    found = render("crunchy")
    cluster = found["PostgresCluster/eco2"]["spec"]
    used = {
        cluster["backups"]["pgbackrest"]["configuration"][0]["secret"]["name"]: archive.TARGET,
        cluster["dataSource"]["pgbackrest"]["configuration"][0]["secret"]["name"]: archive.SOURCE,
    }
    for secret, parameter in used.items():
        (entry,) = found[f"ExternalSecret/{secret}"]["spec"]["data"]
        assert entry["remoteRef"]["key"] == f"/eco2/dev/{parameter}"
