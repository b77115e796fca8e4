"""Trees that are too much, or not what they seem: each a finding, or not checked."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bootstrap.commands import lint as command
from bootstrap.core.limits import CHART_BYTES, GENERATED
from bootstrap.core.rendering import Tools
from bootstrap.gitops.chartfile import ChartArchive
from bootstrap.gitops.facts import published
from bootstrap.gitops.generators import bounded
from bootstrap.gitops.model import Tree
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.reader import Reader
from bootstrap.gitops.shapes import misshapen
from bootstrap.kubernetes.objects import Json
from bootstrap.lint.graph.needs.secrets import _may_match
from bootstrap.lint.report import sarif
from bootstrap.lint.rules.secrets import credentials
from bootstrap.lint.run import lint
from tests import lint_tree

NOTHING = Tools(Path("/bin/false"), Path("/bin/false"), Path("/bin/false"))


def read(root: Path, files: dict[str, Any]) -> Tree:
    lint_tree.write(root, files)
    return Reader(lint_tree.configuration(root), NOTHING, {}).tree()


def listed(count: int, key: str) -> Json:
    return {"list": {"elements": [{key: str(number)} for number in range(count)]}}


def matrix(*inner: Json) -> Json:
    return {"matrix": {"generators": list(inner)}}


@pytest.mark.parametrize(
    "generators",
    [
        [listed(GENERATED + 1, "a")],
        [listed(GENERATED, "a"), listed(1, "a")],
        [matrix(listed(300, "a"), listed(300, "b"))],
        [matrix(matrix(listed(20, "a"), listed(20, "b")), matrix(listed(20, "c"), listed(20, "d")))],
    ],
)
def test_a_set_of_too_many_applications_is_not_checked(generators: list[Json], tmp_path: Path) -> None:
    made = lint_tree.application_set("s", generators, lint_tree.template("x-{{a}}", "d"))
    found = read(tmp_path, {"apps/s.yaml": made})
    assert [one.why for one in found.unchecked if f"{GENERATED:,}" in one.why]


def test_as_many_as_are_looked_at() -> None:
    assert len(bounded(range(GENERATED))) == GENERATED
    with pytest.raises(Unknown):
        bounded(iter(int, 1))


@pytest.mark.parametrize(
    "text",
    [
        "kind: A\napiVersion: v1\nmetadata:\n  name: " + bad
        for bad in ("[" * 2_000, '!!int ""', "!!bool x", "0x_")
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(text: str, tmp_path: Path) -> None:
    app = lint_tree.application("a", {"path": "d"})
    found = read(tmp_path, {"apps/a.yaml": app, "d/x.yaml": text})
    assert "d/x.yaml" in {one.where.file for one in found.broken}


@pytest.mark.parametrize(
    ("item", "where"),
    [
        ({"kind": "Pod", "apiVersion": "v1", "spec": []}, "spec"),
        ({"kind": "Pod", "apiVersion": "v1", "spec": {"containers": {"name": "a"}}}, "spec.containers"),
        (
            {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"env": [1]}]}},
            "spec.containers[0].env",
        ),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": 7}}, "metadata.name"),
        ({"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "rules": ["x"]}, "rules"),
        (
            {"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "rules": [{"verbs": [[]]}]},
            "rules[0].verbs",
        ),
        (
            {"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "rules": [{"resources": 7}]},
            "rules[0].resources",
        ),
        ({"kind": "Thing", "apiVersion": "example.com/v1", "spec": "x"}, "spec"),
        ({"kind": "Thing", "apiVersion": "example.com/v1", "spec": {"env": "prod", "name": 7}}, None),
        ({"kind": "ConfigMap", "apiVersion": "v1", "data": {"name": "a", "env": "b"}}, None),
        ({"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "a", "env": None}]}}, None),
        ({"kind": "LimitRange", "apiVersion": "v1", "spec": {"limits": [{"type": "Pod"}]}}, None),
    ],
)
def test_fields_of_another_type(item: Json, where: str | None) -> None:
    found = misshapen(item)
    assert (found and found[0]) == where


def archive(files: dict[str, bytes], compress: bool = True) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(f"chart/{name}")
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 1) if compress else packed.getvalue()


CHART = archive(
    {"Chart.yaml": b"name: chart\nversion: 1.2.3\n", "templates/a.yaml": b".Capabilities.APIVersions"}
)


def test_an_archive_of_a_chart() -> None:
    assert (ChartArchive(CHART).version, ChartArchive(CHART).asks_for_kinds) == ("1.2.3", True)


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"x",
            CHART[:-8],
            CHART[:40],
            CHART[:60] + b"xxxx" + CHART[64:],
            gzip.compress(b"no tar" * 200),
        ),
        archive({"Chart.yaml": b"name: x"}, compress=False),
        archive({"Chart.yaml": b"- a"}),
        archive({"Chart.yaml": b"[" * 5_000}),
        archive({f"templates/{number}.yaml": b"" for number in range(10_001)}),
        gzip.compress(b"\0" * (CHART_BYTES + 1), 1),
    ],
    ids=range(11),  # gzip writes the time, and xdist wants the same names from each of its workers
)
def test_an_archive_that_is_broken_or_unpacks_to_too_much(content: bytes) -> None:
    with pytest.raises(Wrong):
        _ = ChartArchive(content).version


@pytest.mark.parametrize(
    ("expression", "where", "hit"),
    [
        ("^team-.*$", "team-a", True),
        ("^team-.*$", "my-team-a", False),
        ("team", "my-team-a", True),
        ("^(a|b)-prod$", "b-prod", True),
        ("^(?:a|b)-prod$", "c-prod", False),
        ("^a.+$", "a", False),
        ("(x+x+)+y", "x" * 60, True),  # not read, so it may match
        ("^[a-z]+$", "7", True),
        ("(", "a", True),
    ],
)
def test_a_regular_expression_of_a_store(expression: str, where: str, hit: bool) -> None:
    assert _may_match(expression, where) is hit


def test_long_lines_are_searched_for_credentials_up_to_a_limit() -> None:
    key = "AKIA" + "ABCDEFGH12345678"
    text = f"a: {key}\nb: {'a.' * 200_000}://{'eyJ-' * 100_000}\npassword: {'{{' * 100_000}\n"
    assert [where.line for where, _ in credentials("x.yaml", text)] == [1]


def test_scripts_without_end_or_sense(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sh")
    (tmp_path / "zero.sh").symlink_to("/dev/zero")
    (tmp_path / "main.tf").write_text('module "a" {\n' * 50_000 + "\n" * 300_000)
    (tmp_path / "facts.tf").write_text(
        'module "f" {\n  source = "./nowhere"\n  facts = {\n    "a/b" = 1\n  }\n}\n'
    )
    assert published(tmp_path) == {"a/b"}


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    lint_tree.write(root, {"apps/a.yaml": lint_tree.application("a", {"path": "d"})})
    (root / "d").mkdir()
    (root / os.fsdecode(b"d/\xff.yaml")).write_text("kind: A\napiVersion: v1\nmetadata: {name: [}\n")
    config = lint_tree.configuration(root)
    report = lint(config, Reader(config, NOTHING, {}).tree()).report
    found = sarif.encode(report)
    command._write(tmp_path / "out.sarif", command.FORMS["sarif"](report))
    assert "%FF.yaml" in json.dumps(found)
    assert json.loads((tmp_path / "out.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
