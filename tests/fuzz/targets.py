"""What is fed: each reader of the product, with good inputs to begin with, and how it may end."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import yaml
from hypothesis import strategies as st

from bootstrap.aws import environments, run_lock, state_file
from bootstrap.commands import diagnose
from bootstrap.commands.options import DiagnoseOptions
from bootstrap.config.load import load
from bootstrap.core.errors import BootstrapError
from bootstrap.core.files import read_json
from bootstrap.core.foreign import parse_json
from bootstrap.core.globs import Dialect, folder_glob, glob
from bootstrap.core.machine import Place, started
from bootstrap.core.rendering import Tools
from bootstrap.gitops.chartfile import ChartArchive
from bootstrap.gitops.problems import Wrong
from bootstrap.gitops.reader import Reader
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json
from bootstrap.lint import rules
from bootstrap.lint import run as procedure
from bootstrap.lint.report import as_json, junit, sarif, text
from bootstrap.recovery import manifest
from bootstrap.steps import machines
from bootstrap.terraform.survivor import notes_in
from tests import lint_tree
from tests.fuzz import inputs

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000.0
PICTURES = ROOT / "tests/unit/diagnosis/pictures"
NOTHING = Tools(Path("/bin/false"), Path("/bin/false"), Path("/bin/false"))
HOLDER = run_lock.Holder(
    *("id-1", "alice", Place("build-7", "m1", "b1", "pid:[1]"), 4711, "77", "bootstrap up", "run-1"),
    *(NOW - 60, NOW - 20, NOW + 580),
)


@dataclass(frozen=True)
class Target:
    """`feed(input, folder)` reads an input, with a folder of its own to write in, and ends well or raises one
    of `refusals`; `share` is its part of a long run, in per cent."""

    name: str
    feed: Callable[[Any, Path], object]
    inputs: st.SearchStrategy[Any]
    share: int
    refusals: tuple[type[Exception], ...] = (BootstrapError,)


# -- configuration, pictures -----------------------------------------------------------------------------


def _configuration(given: str, folder: Path) -> None:
    file = folder / "bootstrap.yaml"
    file.write_bytes(given.encode(errors="surrogatepass"))
    load(file, "dev")


def feed_picture(given: str, folder: Path) -> None:
    file = folder / "picture.json"
    file.write_bytes(given.encode(errors="surrogatepass"))
    config = lint_tree.configuration(folder)
    with patch.object(diagnose, "load", lambda *_, **__: config), redirect_stdout(io.StringIO()):
        for output in ("text", "json"):
            diagnose.run(DiagnoseOptions(picture=file, output=output))


# -- trees -----------------------------------------------------------------------------------------------


def _tree(given: tuple[str, str], folder: Path) -> None:
    applications, objects = given
    root = folder / "tree"
    lint_tree.write(root, {})
    for path, content in (("apps/a.yaml", applications), ("d/b.yaml", objects)):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(content.encode(errors="surrogatepass"))
    config = lint_tree.configuration(root)
    linted = procedure.lint(config, Reader(config, NOTHING, {}).tree())
    report = linted.report
    json.dumps([as_json.encode(report), sarif.encode(report)])
    junit.encode(report)
    list(text.render(report, verbose=True))
    rules.constraints(linted.tree, linted.graph)


def _trees() -> st.SearchStrategy[tuple[str, str]]:
    generators: list[Json] = [
        {
            "list": {"elements": [{"name": "one"}, {"name": "two"}]},
            "selector": {"matchLabels": {"name": "one"}},
        },
        {"git": {"repoURL": lint_tree.REPO, "revision": "main", "directories": [{"path": "d*"}]}},
        {"git": {"repoURL": lint_tree.REPO, "revision": "main", "files": [{"path": "d/**"}]}},
        {
            "matrix": {
                "generators": [{"list": {"elements": [{"a": "x"}]}}, {"list": {"elements": [{"b": "y"}]}}]
            }
        },
        {"merge": {"mergeKeys": ["n"], "generators": [{"list": {"elements": [{"n": "x"}]}}] * 2}},
        {"clusters": {"selector": {"matchLabels": {"a": "b"}}}},
    ]
    made = [
        lint_tree.application(
            "a", {"path": "d", "directory": {"include": "*.yaml", "exclude": "x*"}}, wave=1
        ),
        lint_tree.application_set("s", generators[:1], lint_tree.template("{{name}}", "d")),
        *(
            lint_tree.application_set("t", [one], lint_tree.template("x", "d"), goTemplate=False)
            for one in generators
        ),
    ]
    project: Json = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "platform"},
    }
    project["spec"] = {"sourceRepos": ["*"], "destinations": [{"namespace": "*", "server": "*"}]}
    examples = [
        list(documents(one))
        for rule in procedure.RULES
        for one in (rule.text.failing, rule.text.passing)
        if one
    ]
    objects = [one for example in examples for one in example]
    streams = [[made[0], project, one] for one in made[1:]]
    return st.tuples(_streams(streams), _streams([objects[at : at + 3] for at in range(len(objects))]))


def _streams(seeds: list[Any]) -> st.SearchStrategy[str]:
    plain = ["---\n".join(yaml.safe_dump(one, sort_keys=False) for one in seed) for seed in seeds]
    return inputs.values(seeds).map(json.dumps).map(_as_stream) | inputs.texts(plain) | st.sampled_from(plain)


def _as_stream(listed: str) -> str:
    items = json.loads(listed)
    return "\n---\n".join(map(json.dumps, items)) if isinstance(items, list) else listed


# -- records ---------------------------------------------------------------------------------------------


def feed_run_lock(given: str, _: Path) -> None:
    body = io.BytesIO(given.encode(errors="surrogatepass"))
    api: Any = SimpleNamespace(call=lambda *_, **__: {"Body": body, "ETag": "e"})
    seen = run_lock.read(run_lock.Where(api, "bucket", "key"), NOW)
    assert seen is not None
    run_lock.proof_of_death(seen, HOLDER.place, started)
    run_lock.proof_of_death(
        replace(seen, holder=replace(seen.holder, place=HOLDER.place)), HOLDER.place, started
    )
    run_lock._refused(seen, "bootstrap up")


def _environment(given: str, _: Path) -> None:
    if record := environments.decode(given):
        environments.expired([record], NOW)


def _notes(given: str, folder: Path) -> None:
    file = folder / "notes.json"
    file.write_bytes(given.encode(errors="surrogatepass"))
    for note in notes_in(file):
        started(note.pid)
    read_json(file)


def _state(given: str, _: Path) -> None:
    state_file.ids(given.encode(errors="surrogatepass"))


RECORD = {
    "version": 1,
    **{"project": "eco2", "environment": "dev", "prefix": "/eco2/dev", "domain": "dev.example.com"},
    **{
        "archive": "b/k",
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-01T00:00:00Z",
        "seeds": ["a/b"],
        "keep": ["backups"],
    },
}
BACKUP = manifest.Manifest(
    *(
        "20260101T000000Z",
        "eco2",
        "dev",
        "123456789012",
        "eu-central-1",
        "2026-01-01T00:00:00Z",
        "1.0",
        "1.37.2",
    ),
    *("c" * 40, manifest.EtcdStatus(100, 7, 90), {"kind": "file", "data_key": "YWJj"}),
    *((manifest.Part("etcd.db", "0" * 64, 4096),), {"db/password": manifest.SeedMark(3, "f" * 64)}),
)
STATE = {"version": 4, "resources": [{"type": "aws_vpc", "instances": [{"attributes": {"id": "vpc-1"}}]}]}
PLAN = {
    "resource_changes": [
        {
            "mode": "managed",
            "address": "a.b",
            "type": "a",
            "change": {"actions": ["create"], "after": {"x": 1}},
        }
    ],
    "prior_state": {"values": {"root_module": {"resources": [{"mode": "managed", "type": "a"}]}}},
}
MARKER = {"instance": "i-1", "phase": "failed", "time": "12:00", "message": "while x:\nline"}


# -- formats ---------------------------------------------------------------------------------------------


def _chart(given: bytes, _: Path) -> None:
    archive = ChartArchive(given)
    assert isinstance(archive.version, str)
    assert isinstance(archive.asks_for_kinds, bool)


def _archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(f"chart/{name}")
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content.encode()))
    return packed.getvalue()


def _glob(given: tuple[str, str], _: Path) -> None:
    pattern, path = given
    for dialect in (Dialect(), Dialect("/"), Dialect("/", double=True, carets=False, loose=False)):
        glob(pattern, dialect).fullmatch(path)
    folder_glob(pattern, Dialect("/")).fullmatch(path)


def _documents(given: str, _: Path) -> None:
    json.dumps(list(documents(given)))


CHART = _archive(**{"Chart.yaml": "name: chart\nversion: 1.0.0\n", "templates/a.yaml": "kind: A\n"})
CONFIGURATION = f"""\
project: eco2
environments:
  dev: &a
    target: aws
    region: ap-northeast-2
    ssm_prefix: /eco2/dev
    network:
      vpc_cidr: 10.0.0.0/16
      public_subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24]
      private_subnets: [10.0.10.0/24, 10.0.11.0/24, 10.0.12.0/24]
    kubernetes_version: 1.37
    nodes:
      - {{name: cp, role: control-plane, instance_type: t3.large, volume_gb: 30, labels: {{role: cp}}}}
      - name: web
        role: worker
        instance_type: t3.small
        volume_gb: 20
        labels: {{}}
        taints: [{{key: domain, value: web}}]
    terraform: {{folder: {ROOT}/terraform, variables: {{expires_at: null}}}}
    gitops:
      checkout: {ROOT}
      repo_url: https://git.example.com/eco2/platform.git
      path: manifests/clusters/dev/apps
      install: {ROOT}/manifests/argocd
    seeds:
      - {{name: db/password, generate: {{length: 24, rotate_after: 90d}}}}
      - {{name: api/dsn, template: "postgres://a:{{seed:db/password}}@x"}}
      - {{name: api/file, from_file: {ROOT}/Makefile}}
    waves: {{deadline: 5m, deadlines: {{20: 600}}, hints: {{10: look}}}}
  local: {{extends: dev, target: local}}
"""
MANIFESTS = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "manifests").rglob("*.yaml"))[:40]]

SAVED = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(PICTURES.iterdir())]
ABOUT_BACKUP = json.loads(manifest.encode(BACKUP))
CHARTS = inputs.archives([gzip.compress(CHART, 1)]) | inputs.archives([CHART]).map(
    partial(gzip.compress, compresslevel=1)
)
PATTERNS = st.tuples(st.text("ab/*?{},[]!-\\^", max_size=60), st.text("ab/c-", max_size=200))

TARGETS = (
    Target("configuration", _configuration, inputs.texts([CONFIGURATION]), 20),
    Target("picture", feed_picture, inputs.jsons(SAVED), 15),
    Target("tree", _tree, _trees(), 4),
    Target("YAML", _documents, inputs.texts(MANIFESTS), 20, (yaml.YAMLError,)),
    Target("JSON", lambda given, _: parse_json(given), inputs.jsons([STATE, PLAN, RECORD]), 5, (ValueError,)),
    Target("run lock", feed_run_lock, inputs.jsons([{"format": 1, **asdict(HOLDER)}]), 6),
    Target("environment", _environment, inputs.jsons([RECORD]), 6),
    Target("machine", lambda given, _: machines.parse(given, "i-1"), inputs.jsons([MARKER]), 4),
    Target("backup", lambda given, _: manifest.decode(given), inputs.jsons([ABOUT_BACKUP]), 6),
    Target("state", _state, inputs.jsons([STATE]), 3),
    Target("notes", _notes, inputs.jsons([[{"pid": 4711, "started": 1.5}]]), 3),
    Target("chart", _chart, CHARTS, 4, (Wrong,)),
    Target("glob", _glob, PATTERNS, 4, (ValueError,)),
)
