"""The parts of the linter's reader that run no program."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.load import load
from bootstrap.gitops import directory, facts, fetch, schemas, store
from bootstrap.gitops.checkout import Checkout, join
from bootstrap.gitops.closure import trace
from bootstrap.gitops.helm import FolderFiles
from bootstrap.gitops.kustomize import components_of
from bootstrap.gitops.model import LEFT_OUT
from bootstrap.gitops.patterns import doublestar, files_first, glob, substitute
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.release import Files, Release, release
from bootstrap.gitops.scope import api_versions, cluster_wide
from bootstrap.gitops.source import ApplicationSource
from bootstrap.gitops.store import Store, digest
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Kind
from tests.manifests import ROOT, published

# -- patterns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "crossing", "within"),
    [
        ("*.yaml", "a.yaml", True, True),
        ("*.yaml", "a/b.yaml", True, False),
        ("{a,b/*}.yaml", "b/c.yaml", True, True),
        ("{a,b/*}.yaml", "c.yaml", False, False),
        ("a?c", "abc", True, True),
        ("a?c", "a/c", True, False),
        ("[ab]/x", "b/x", True, True),
        ("[!ab]/x", "b/x", False, False),
        (r"\*", "a", False, False),
        ("a+b", "a+b", True, True),
        ("a+b", "aab", False, False),
    ],
)
def test_globs(pattern: str, text: str, crossing: bool, within: bool) -> None:
    assert bool(glob(pattern).fullmatch(text)) is crossing
    assert bool(glob(pattern, stars_cross=False).fullmatch(text)) is within


@given(st.text(max_size=20))
def test_a_text_without_special_characters_matches_itself_alone(text: str) -> None:
    plain = "".join(char for char in text if char not in "*?[]{}\\,")
    assert glob(plain).fullmatch(plain)
    assert not glob(plain).fullmatch(f"{plain}x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$A-${B}", "1-2"), ("$$A", "$A"), ("$C!", "!"), ("$(A) 5$", "$(A) 5$"), ("plain", "plain")],
)
def test_variables(text: str, expected: str) -> None:
    assert substitute(text, {"A": "1", "B": "2"}) == expected


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("a/b", "../c", "a/c"),
        ("a", "/c", "c"),
        ("a", ".", "a"),
        ("", ".", ""),
        ("a", "../..", None),
        ("a", "..", ""),
    ],
)
def test_paths_stay_in_the_repository(folder: str, path: str, expected: str | None) -> None:
    assert join(folder, path) == expected


# -- scope -----------------------------------------------------------------------------------------


def test_the_scope_of_own_kinds_is_their_crds() -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"kind": "Thing"},
            "versions": [{"name": "v1"}, {"name": "v1alpha1", "served": False}],
        },
    }
    wide = cluster_wide([crd])
    assert Kind("example.com", "Thing") in wide
    assert Kind("example.com", "Other") not in wide
    assert {Kind("", "Namespace"), Kind("rbac.authorization.k8s.io", "ClusterRole")} <= wide
    assert api_versions([crd]) == ("example.com/v1", "example.com/v1/Thing")


# -- schemas ---------------------------------------------------------------------------------------

CRD = """kind: CustomResourceDefinition
metadata:
  name: things
spec:
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          description: |
            several

            lines
          type: object
      served: true
    - name: v2
      schema:
        openAPIV3Schema:
          type: object
---
kind: ConfigMap
"""


def test_schemas_are_left_out_and_lines_stay() -> None:
    light = schemas.without(CRD.encode())
    assert light.count(b"\n") == CRD.count("\n")
    assert light.splitlines()[-1] == b"kind: ConfigMap"
    (crd, other) = manifests(light)
    (full, _) = manifests(CRD)
    for version, emptied in zip(full["spec"]["versions"], crd["spec"]["versions"], strict=True):
        assert emptied["schema"]["openAPIV3Schema"].keys() == {LEFT_OUT}
        version["schema"] = emptied["schema"]
    assert crd == full
    assert other == {"kind": "ConfigMap"}


def test_what_has_no_schema_is_left_alone() -> None:
    text = b"a: openAPIV3Schema\nopenAPIV3Schema: {}\n"
    assert schemas.without(text) == text


# -- store -----------------------------------------------------------------------------------------


def test_the_store_gives_back_what_was_put(tmp_path: Path) -> None:
    kept = Store(tmp_path)
    kept.put(digest("a"), {"x": [1, "ü"]})
    assert Store(tmp_path).get(digest("a")) == {"x": [1, "ü"]}
    assert kept.get(digest("b")) is None
    assert Store(None).get(digest("a")) is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_damaged_entry_is_none(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("store")
    kept = Store(folder)
    kept.put(digest("a"), {"x": "value"})
    (file,) = folder.rglob("*.json")
    whole = file.read_bytes()
    file.write_bytes(whole[:at] + noise)
    assert kept.get(digest("a")) in (None, {"x": "value"})
    assert (kept.get(digest("a")) is None) == (file.read_bytes() != whole)


def test_entries_expire_and_the_oldest_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000.0]
    kept = Store(tmp_path, lambda: now[0])
    kept.put(digest("a"), "a" * 100)
    now[0] += 100.0
    assert kept.get(digest("a"), longest=50.0) is None
    assert kept.get(digest("a")) is not None
    monkeypatch.setattr(store, "LARGEST", 300)
    kept = Store(tmp_path)
    for number in range(3):
        kept.put(digest("more", number), "b" * 100)
    kept.prune()
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Store(tmp_path / "file")
    kept.put(digest("a"), "x")
    assert kept.get(digest("a")) is None
    kept.prune()


def test_a_digest_tells_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


# -- closure ---------------------------------------------------------------------------------------


def checkout(root: Path, files: Mapping[str, str]) -> Checkout:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Checkout(root)


def test_everything_that_a_kustomization_names_belongs_to_it(tmp_path: Path) -> None:
    tree = checkout(
        tmp_path,
        {
            "over/kustomization.yaml": """resources: [../base, own.yaml, "https://example.com/v1.0.0/all.yaml"]
patches: [{path: patch.yaml}]
configMapGenerator: [{name: c, files: [key=data/text.txt], envs: [data/vars.env]}]
transformers: [labels.yaml]
components: ["https://github.com/team/repo//part?ref=v1"]
""",
            "over/own.yaml": "a: unrelated.yaml",
            "over/unrelated.yaml": "",
            "over/patch.yaml": "",
            "over/data/text.txt": "",
            "over/data/vars.env": "",
            "over/labels.yaml": "kind: PatchTransformer\npath: deep.yaml\n",
            "over/deep.yaml": "",
            "base/kustomization.yml": "resources: [thing.yaml, ../over]\nhelmCharts: [{name: c}]\n",
            "base/thing.yaml": "",
        },
    )
    found = trace(tree, "over")
    assert set(found.files) == {
        *("over/kustomization.yaml", "over/own.yaml", "over/patch.yaml", "over/data/text.txt"),
        *(
            "over/data/vars.env",
            "over/labels.yaml",
            "over/deep.yaml",
            "base/kustomization.yml",
            "base/thing.yaml",
        ),
    }
    assert [(one.url, one.file, one.line) for one in found.remotes] == [
        ("https://example.com/v1.0.0/all.yaml", "over/kustomization.yaml", 1)
    ]
    assert found.charts
    assert found.foreign


# -- release ---------------------------------------------------------------------------------------


class Given(Files):
    def __init__(self, **contents: str) -> None:
        self.contents = contents

    def read(self, path: str, ref: str) -> bytes:
        if (content := self.contents.get(f"{ref}_{path}" if ref else path)) is None:
            raise FileNotFoundError(path)
        return content.encode()

    def find(self, pattern: str, ref: str) -> list[str]:
        inside = [one.rpartition("_") for one in self.contents]
        wanted = doublestar(pattern)
        return sorted(path for folder, _, path in inside if folder == ref and wanted.fullmatch(path))


def released(options: object, **contents: str) -> Release:
    source = ApplicationSource("app", "argocd", "default", "space", {"helm": options})
    return release(source, Given(**contents), "1.34")


def test_no_value_stands_in_an_argument(tmp_path: Path) -> None:
    parameters = [
        {"name": "password", "value": "hunter2,x"},
        {"name": "count", "value": "3"},
        {"name": "text", "value": "3", "forceString": True},
        {"name": "list", "value": "{a,b}"},
    ]
    made = released({"parameters": parameters, "valuesObject": {"token": "hunter3"}, "skipCrds": True})
    arguments = made.arguments(tmp_path)
    assert "hunter" not in " ".join(arguments)
    assert "--include-crds" not in arguments
    assert arguments[arguments.index("--set") + 1] == "count=3"
    assert "list={a,b}" in arguments
    files = [
        Path(word.partition("=")[2]).read_text()
        for word in arguments
        if word.startswith(("password=", "text="))
    ]
    assert files == ["hunter2,x", "3"]


def test_value_files_by_ref_and_by_name() -> None:
    made = released(
        {"valueFiles": ["a", "$lent/b", "missing"], "ignoreMissingValueFiles": True}, a="A", lent_b="B"
    )
    assert made.files == (b"A", b"B")
    with pytest.raises(Wrong, match="missing"):
        released({"valueFiles": ["missing"]})
    with pytest.raises(Unknown):
        released({"valueFiles": ["https://example.com/values.yaml"]})


def test_patterns_of_value_files_stand_for_what_they_match() -> None:
    made = released(
        {"valueFiles": ["*.yaml", "b.yaml", "$lent/*.yaml", "a.yaml"]},
        **{"a.yaml": "A", "b.yaml": "B", "c.yaml": "C", "d.json": "D", "lent_e.yaml": "E"},
    )
    assert made.files == (b"C", b"B", b"E", b"A")
    with pytest.raises(Wrong, match="envs"):
        released({"valueFiles": ["envs/*.yaml"]}, a="A")
    assert released({"valueFiles": ["envs/*.yaml"], "ignoreMissingValueFiles": True}, a="A").files == ()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("envs/*.yaml", ["envs/a.yaml", "envs/z.yaml"]),
        ("envs/**/*.yaml", ["envs/a.yaml", "envs/z.yaml", "envs/nested/c.yaml"]),
        ("**/c.yaml", ["c.yaml", "envs/nested/c.yaml"]),
        ("envs/**", ["envs/a.yaml", "envs/z.yaml", "envs/nested/c.yaml"]),
        ("envs/[a-c].yaml", ["envs/a.yaml"]),
        ("*/?.yaml", ["envs/a.yaml", "envs/z.yaml"]),
    ],
)
def test_double_stars_cross_folders(pattern: str, expected: list[str]) -> None:
    paths = ["envs/nested/c.yaml", "envs/z.yaml", "c.yaml", "envs/a.yaml"]
    assert sorted(filter(doublestar(pattern).fullmatch, paths), key=files_first) == expected


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_helm_versions_that_argo_cd_takes(version: str) -> None:
    assert released({"version": version}).name == "app"
    with pytest.raises(Wrong, match="v2"):
        released({"version": "v2"})


def test_options_that_are_not_known_are_not_ignored() -> None:
    with pytest.raises(Unknown, match="shiny"):
        released({"shiny": True})


def test_defaults() -> None:
    made = released(None)
    assert (made.name, made.namespace, made.kubernetes_version) == ("app", "space", "1.34")
    named = released({"releaseName": "r", "namespace": "n", "kubeVersion": "1.30", "apiVersions": ["a/v1"]})
    assert (named.name, named.namespace, named.kubernetes_version, named.api_versions) == (
        "r",
        "n",
        "1.30",
        ("a/v1",),
    )


def test_messages_hide_what_looks_secret() -> None:
    values = {"db": {"password": "pa55word"}, "id": "AKIAIOSFODNN7EXAMPLE", "mode": "production"}
    made = released({"values": json.dumps(values)})
    said = made.hide("pa55word AKIAIOSFODNN7EXAMPLE production")
    assert said.endswith(" production")
    assert "pa55" not in said
    assert "AKIA" not in said


# -- facts -----------------------------------------------------------------------------------------


def test_facts_of_the_own_stack_are_all_found() -> None:
    found = facts.published(ROOT / "terraform/dev")
    assert {name for name in found if not name.startswith("cluster/")} == {
        name for name in published() if not name.startswith("cluster/")
    }
    assert {"cluster/kubeconfig", "cluster/join", "cluster/name"} <= found


def test_seeds_carry_the_whole_name() -> None:
    seeded = facts.seeded(load(ROOT / "bootstrap.yaml", "dev"))
    assert "/eco2/dev/cache/redis-password" in seeded.names
    assert "/eco2/dev/acm/certificate-arn" in seeded.facts
    assert seeded.prefix == "/eco2/dev"


def test_the_checkout_is_what_git_would_publish(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    texts = {
        "a.yaml": "a: 1",
        ".bootstrap/state.yaml": "",
        "b/c.txt": "",
        ".gitignore": "*.key\n",
        "b/x.key": "",
    }
    tree = checkout(tmp_path, texts)
    assert tree.files("") == (".gitignore", "a.yaml", "b/c.txt")
    assert (tree.is_file("b/c.txt"), tree.is_file("b/x.key"), tree.is_folder("b")) == (True, False, True)
    assert tree.documents("a.yaml") == [(1, {"a": 1})]
    assert tree.texts() == {"a.yaml": "a: 1"}


def test_links_lead_inside_the_repository_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    root = tmp_path / "root"
    tree = checkout(root, {"real/a.yaml": "a: 1", "chart/b.yaml": ""})
    (root / "chart/linked").symlink_to("../real")
    (root / "out.yaml").symlink_to("../secret")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    assert tree.is_file("chart/linked/a.yaml")
    assert tree.files("chart") == ("chart/b.yaml",)
    assert tree.files("chart", follow=True) == ("chart/b.yaml", "chart/linked/a.yaml")
    assert tree.files("chart/linked") == ("chart/linked/a.yaml",)
    with pytest.raises(PermissionError):
        tree.content("out.yaml")


@pytest.mark.parametrize(
    ("target", "out"),
    [("m.yaml", False), ("../src/m.yaml", False), ("nowhere", False), ("/etc", True), ("../../x", True)],
)
def test_links_out_of_the_repository_are_found(tmp_path: Path, target: str, out: bool) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/m.yaml").touch()
    (tmp_path / "src/link").symlink_to(target)
    assert Checkout(tmp_path).links_out() == (["src/link"] if out else [])


def test_other_suffixes_are_read_when_the_filter_is_off(tmp_path: Path) -> None:
    (tmp_path / "a.yaml.sealed").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    options: dict[str, object] = {"include": "*.sealed"}
    source = ApplicationSource("a", "", "default", "", {"path": ".", "directory": options})
    assert directory.wanted(Checkout(tmp_path), source) == []
    options["disableExtensionFilter"] = True
    assert directory.wanted(Checkout(tmp_path), source) == ["a.yaml.sealed"]


def test_a_missing_component_has_no_kustomization(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good/kustomization.yaml").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.md").touch()
    options = {"components": ["../good", "../empty", "../none"]}
    checkout = Checkout(tmp_path)
    assert components_of(checkout, "app", options) == ("../good", "../empty", "../none")
    assert components_of(checkout, "app", {**options, "ignoreMissingComponents": True}) == ("../good",)


def test_value_files_are_found_beside_the_chart_and_from_the_root(tmp_path: Path) -> None:
    for path in ("chart/values.yaml", "envs/a.yaml", "envs/b.yaml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    source = ApplicationSource("a", "", "default", "", {"path": "chart"})
    files = FolderFiles(Checkout(tmp_path), source, lambda *_: None, "chart")
    assert files.find("../envs/*.yaml", "") == ["../envs/a.yaml", "../envs/b.yaml"]
    assert files.find("envs/b*", "lent") == ["envs/b.yaml"]
    assert files.find("envs/*.yaml", "") == []
    with pytest.raises(Wrong, match="outside"):
        files.find("../../*.yaml", "")


def test_a_link_to_nothing_is_passed_over_and_one_out_of_the_repository_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    source = ApplicationSource("a", "", "default", "", {"path": "."})
    (root / "dead.yaml").symlink_to("nowhere.yaml")
    assert list(directory.read(Checkout(root), source)) == []
    (tmp_path / "fetch.yaml").write_text("kind: ConfigMap\n")
    (root / "out.yaml").symlink_to("../fetch.yaml")
    with pytest.raises(Wrong, match="a link out of the repository"):
        list(directory.read(Checkout(root), source))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError(OSError(-2, "Name or service not known")), "Name or service not known"),
        (URLError("no host given"), "no host given"),
        (OSError(": exit status 128"), "exit status 128"),
    ],
)
def test_why_a_file_could_not_be_had_is_told_plainly(error: Exception, words: str) -> None:
    assert fetch._plainly(error) == words
