"""Generators of ApplicationSets, without Go templates: no program is run."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.rendering import Tools
from bootstrap.gitops import generators as made
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.generators import Generators, combined, flat, merge, normalized, selects
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.sets import step_of
from bootstrap.gitops.store import Store
from bootstrap.gitops.templates import Templates, fast, require_keys
from bootstrap.kubernetes.objects import Json

NOBODY = Tools(Path("/nowhere/terraform"), Path("/nowhere/helm"), Path("/nowhere/kustomize"))


def generators(root: Path, *secrets: Json, go: bool = False) -> Generators:
    templates = Templates(Programs(NOBODY, {}, root), Store(None))

    def require_ours(repository: str, _: str) -> None:
        if repository:
            raise Unknown("another repository")

    return Generators(Checkout(root), templates, require_ours, lambda: secrets, go, ())


def files(root: Path, contents: Mapping[str, str]) -> None:
    for path, text in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def listed(*elements: Json) -> Json:
    return {"list": {"elements": list(elements)}}


def cluster(name: str, **labels: str) -> Json:
    return {
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"argocd.argoproj.io/secret-type": "cluster", **labels}},
        "data": {"name": b64encode(name.encode()).decode()},
        "stringData": {"server": f"https://{name}"},
    }


def test_a_list_gives_its_elements_with_values_beside_them(tmp_path: Path) -> None:
    element = {"name": "a", "values": {"size": "big"}}
    text = "- {name: b}\n"
    generator: Json = {"list": {"elements": [element], "elementsYaml": text}}
    assert generators(tmp_path).params(generator) == [{"name": "a", "values.size": "big"}, {"name": "b"}]
    assert generators(tmp_path, go=True).params(generator) == [element, {"name": "b"}]


def test_a_list_without_go_templates_takes_texts_only(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="port is no text"):
        generators(tmp_path).params(listed({"port": 80}))


FOLDERS = {f"{folder}/x.yaml": "" for folder in ("a/one", "a/two", "a/two/deep", "b/one", "a/.hidden")}


@pytest.mark.parametrize(
    ("directories", "expected"),
    [
        ([{"path": "a/*"}], ["a/one", "a/two"]),
        ([{"path": "*/one"}], ["a/one", "b/one"]),
        ([{"path": "a/*"}, {"path": "a/two", "exclude": True}], ["a/one"]),
        ([{"path": "a/*", "exclude": True}, {"path": "*/one"}], ["b/one"]),
        ([{"path": "a/two/*"}, {"path": "b"}], ["a/two/deep", "b"]),
        ([{"path": "nowhere/*"}], []),
    ],
)
def test_folders_of_git(tmp_path: Path, directories: list[Json], expected: list[str]) -> None:
    files(tmp_path, FOLDERS)
    for go in (False, True):
        found = generators(tmp_path, go=go).params({"git": {"directories": directories}})
        paths = [one["path"]["path"] if go else one["path"] for one in found]
        assert paths == expected


def test_what_is_known_of_a_folder(tmp_path: Path) -> None:
    files(tmp_path, {"apps/Big_One/x.yaml": ""})
    git = {"directories": [{"path": "apps/*"}], "pathParamPrefix": "my"}
    assert generators(tmp_path).params({"git": {**git, "values": {"of": "{{my.path.basename}}!"}}}) == [
        {
            "my.path": "apps/Big_One",
            "my.path.basename": "Big_One",
            "my.path.basenameNormalized": "big-one",
            "my.path[0]": "apps",
            "my.path[1]": "Big_One",
            "values.of": "Big_One!",
        }
    ]
    whole = {"path": "apps/Big_One", "basename": "Big_One", "basenameNormalized": "big-one"}
    expected = {"my": {"path": {**whole, "segments": ["apps", "Big_One"]}}}
    assert generators(tmp_path, go=True).params({"git": git}) == [expected]


def test_files_of_git_give_their_content_and_their_path(tmp_path: Path) -> None:
    contents = {
        "c/dev/one.yaml": "a: {b: [1, true]}",
        "c/dev/more/two.json": '[{"a": 1}, {"a": 2}]',
        "c/x.yaml": "a: 9",
    }
    files(tmp_path, contents)
    git = {"files": [{"path": "c/dev/*"}, {"path": "c/x.yaml"}, {"path": "c/x.yaml", "exclude": True}]}
    found = generators(tmp_path).params({"git": git})
    assert [{key: one[key] for key in one if not key.startswith("path[")} for one in found][2] == {
        "a.b.0": "1",
        "a.b.1": "true",
        "path": "c/dev",
        "path.basename": "dev",
        "path.basenameNormalized": "dev",
        "path.filename": "one.yaml",
        "path.filenameNormalized": "one.yaml",
    }
    assert [one.get("a") for one in found] == ["1", "2", None]
    assert generators(tmp_path, go=True).params({"git": git})[2]["a"] == {"b": [1, True]}


def test_clusters_are_the_own_one_and_those_of_secrets(tmp_path: Path) -> None:
    two = generators(tmp_path, cluster("east", env="prod"), cluster("west", env="dev"))
    assert [one["name"] for one in two.params({"clusters": {}})] == ["in-cluster", "east", "west"]
    chosen = {"clusters": {"selector": {"matchLabels": {"env": "prod"}}, "values": {"at": "{{server}}"}}}
    (east,) = two.params(chosen)
    assert (east["nameNormalized"], east["values.at"]) == ("east", "https://east")
    assert east["metadata.labels.env"] == "prod"
    flatly = two.params({"clusters": {"flatList": True}})
    assert [len(one["clusters"]) for one in flatly] == [3]
    with pytest.raises(Unknown):
        generators(tmp_path).params(chosen)


@pytest.mark.parametrize("kind", ["scmProvider", "pullRequest", "clusterDecisionResource", "plugin", "oci"])
def test_what_is_only_known_live_is_unknown(tmp_path: Path, kind: str) -> None:
    matrix = {"matrix": {"generators": [listed({"a": "1"}), {kind: {}}]}}
    both: tuple[Json, ...] = ({kind: {}}, matrix)
    for generator in both:
        with pytest.raises(Unknown, match=kind):
            generators(tmp_path).params(generator)


def test_another_repository_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(Unknown):
        generators(tmp_path).params({"git": {"repoURL": "https://elsewhere", "files": [{"path": "*"}]}})


def test_a_matrix_fills_its_second_generator_and_selects(tmp_path: Path) -> None:
    files(tmp_path, FOLDERS)
    matrix = {
        "matrix": {
            "generators": [
                listed({"team": "a"}, {"team": "b"}),
                {"git": {"directories": [{"path": "{{team}}/*"}]}},
            ]
        },
        "selector": {"matchExpressions": [{"key": "path.basename", "operator": "NotIn", "values": ["two"]}]},
    }
    found = generators(tmp_path).params(matrix)
    assert [(one["team"], one["path"]) for one in found] == [("a", "a/one"), ("b", "b/one")]


def test_values_of_a_matrix_wait_for_the_parameters_of_their_own_generator(tmp_path: Path) -> None:
    asked: list[Any] = []

    class Told(Templates):
        def fill(self, jobs: Any, **_: Any) -> list[Any]:
            asked.extend(structure for structure, _ in jobs)
            return [structure for structure, _ in jobs]

    made = Generators(
        Checkout(tmp_path), Told(Programs(NOBODY, {}, tmp_path), Store(None)), lambda *_: None, list, True, ()
    )
    values = {"team": "{{.team}}", "at": "{{.path.basename}}"}
    files(tmp_path, {"apps/web/x.yaml": ""})
    folders = {"git": {"directories": [{"path": "apps/*"}], "values": values}}
    made.params({"matrix": {"generators": [listed({"team": "a"}), folders]}})
    assert asked[0]["git"]["values"] == {"team": "{{.team}}"}  # filled with the list's parameters
    assert asked[1] == values  # filled with the folder's own


def test_a_nested_matrix_has_three_sides(tmp_path: Path) -> None:
    inner = {"matrix": {"generators": [listed({"b": "1"}, {"b": "2"}), listed({"c": "{{a}}"})]}}
    outer = {"matrix": {"generators": [listed({"a": "x"}, {"a": "y"}), inner]}}
    found = generators(tmp_path).params(outer)
    assert {(one["a"], one["b"], one["c"]) for one in found} == {(a, b, a) for a in "xy" for b in "12"}


WRONG: dict[str, Json] = {
    "no kind": {},
    "two kinds": {"list": {}, "git": {}},
    "empty git": {"git": {}},
    "matrix of one": {"matrix": {"generators": [listed({})]}},
    "merge without keys": {"merge": {"generators": [listed({}), listed({})]}},
    "merge of one": {"merge": {"mergeKeys": ["a"], "generators": [listed({})]}},
    "merge, double": {
        "merge": {"mergeKeys": ["a"], "generators": [listed({"a": "1"}, {"a": "1"}), listed({"a": "1"})]}
    },
    "matrix, two minds": {"matrix": {"generators": [listed({"a": "1"}), listed({"a": "2"})]}},
    "strange selector": {
        **listed({"a": "1"}),
        "selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]},
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_what_argo_cd_refuses_is_wrong(tmp_path: Path, case: str) -> None:
    with pytest.raises(Wrong) as raised:
        generators(tmp_path).params(WRONG[case])
    assert raised.value.cure


def test_a_merge_overrides_where_the_keys_agree(tmp_path: Path) -> None:
    base = listed({"name": "a", "size": "1"}, {"name": "b", "size": "1"})
    over = listed({"name": "b", "size": "2"}, {"name": "c", "size": "3"})
    found = generators(tmp_path).params({"merge": {"mergeKeys": ["name"], "generators": [base, over]}})
    assert found == [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}]


# -- invariants ------------------------------------------------------------------------------------

TEXTS = st.text("abc", min_size=1, max_size=3)
PARAMS = st.dictionaries(TEXTS, TEXTS, max_size=4)
KEYED = st.lists(st.tuples(TEXTS, PARAMS), max_size=6, unique_by=lambda one: one[0]).map(
    lambda all_: [{**params, "KEY": key} for key, params in all_]
)


@given(KEYED, KEYED)
def test_a_merge_keeps_the_base_and_adds_nobody(base: list[Json], over: list[Json]) -> None:
    for go in (False, True):
        found = merge([base, over], ["KEY"], go=go)
        assert [one["KEY"] for one in found] == [one["KEY"] for one in base]
        others = {one["KEY"]: one for one in over}
        for before, after in zip(base, found, strict=True):
            assert after == {**before, **others.get(before["KEY"], {})}


@given(PARAMS, PARAMS)
def test_a_pair_of_a_matrix_holds_both_or_is_refused(one: Json, other: Json) -> None:
    assert combined(one, other, go=True) == {**other, **one}
    if any(one[key] != other[key] for key in one.keys() & other.keys()):
        with pytest.raises(Wrong):
            combined(one, other, go=False)
    else:
        assert combined(one, other, go=False) == {**one, **other}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, JSON, max_size=3))
def test_flat_parameters_are_texts_at_paths_that_lead_there(params: Json) -> None:
    for path, text in flat(params).items():
        value: Any = params
        for step in path.split("."):
            value = value[int(step)] if isinstance(value, list) else value[step]
        assert text == made._text(value)


@given(PARAMS, st.text("ab{} ", max_size=12))
def test_a_text_without_a_known_name_stays(params: Json, text: str) -> None:
    filled = fast(text, {})
    assert filled == text
    assert fast(f"<{{{{ name }}}}{text}", {"name": "x"}).startswith("<x")


# -- selectors, templates, steps -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "a", "operator": "In", "values": ["1"]}, True),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["1"]}, True),
        ({"key": "b", "operator": "In", "values": ["1"]}, False),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors(expression: Json, expected: bool) -> None:
    assert selects({"matchExpressions": [expression]}, {"a": "1"}) is expected
    assert selects({"matchLabels": {"a": "2"}, "matchExpressions": [expression]}, {"a": "1"}) is False


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{{ .a.b }}", ""),
        ("{{ .a.x }}", "x"),
        ("{{ .x.y }}", "x"),
        ('{{ printf "%s .x" .a.b }}', ""),
        ("{{ .a.b | default .x }}", "x"),
        ("{{ if .x }}{{ .x }}{{ end }}", ""),
        ('{{ index .a "x" }}', ""),
        ("{{- $y := .a.b -}}{{ $y.x }}", ""),
    ],
)
def test_missing_keys_are_found_in_templates_without_blocks(text: str, missing: str) -> None:
    if missing:
        with pytest.raises(Wrong, match=f'no key "{missing}"'):
            require_keys(text, {"a": {"b": "c"}})
    else:
        require_keys(text, {"a": {"b": "c"}})


@pytest.mark.parametrize(
    ("labels", "step"),
    [
        ({"tier": "infra"}, 0),
        ({"tier": "web"}, 1),
        ({"tier": "web", "slow": "yes"}, 2),
        ({}, 1),
        ({"tier": "x"}, None),
    ],
)
def test_the_step_of_an_application(labels: dict[str, str], step: int | None) -> None:
    steps = [
        {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["infra"]}]},
        {
            "matchExpressions": [
                {"key": "tier", "operator": "NotIn", "values": ["infra", "x"]},
                {"key": "slow", "operator": "NotIn", "values": ["yes"]},
            ]
        },
        {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]},
    ]
    strategy = {"type": "RollingSync", "rollingSync": {"steps": steps}}
    application = {"metadata": {"name": "a", "labels": labels}}
    assert step_of({"strategy": strategy}, application) == step
    assert step_of({"strategy": {**strategy, "type": "AllAtOnce"}}, application) is None


@pytest.mark.parametrize(("text", "expected"), [("A_b/C", "a-b-c"), ("-x.", "x"), ("a" * 300, "a" * 253)])
def test_normalized(text: str, expected: str) -> None:
    assert normalized(text) == expected
