"""GitOps trees read with the real helm and kustomize; nothing is fetched from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.config.load import load
from bootstrap.core.errors import ConfigError, ToolError
from bootstrap.core.rendering import Outside, Rendering, Source, Tools
from bootstrap.gitops.model import BY_ESO, App, Tree
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.reader import Reader
from bootstrap.kubernetes.objects import Json, annotations_of, labels_of, name
from bootstrap.lint import graph, rules
from bootstrap.local.toolchain import Toolchain
from bootstrap.local.upstream.config import Config
from bootstrap.local.upstream.offline import serve
from bootstrap.targets import open_target
from tests import lint_tree as trees
from tests.lint_tree import APPS, REPO, application, application_set, below, chart, config_map, deployment

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tools() -> Tools:
    found = Toolchain.locate(ROOT)
    found.ensure(lambda _: None, threading.Event())
    return Tools(found.path("terraform"), found.path("helm"), found.path("kustomize"))


@pytest.fixture
def reader(tools: Tools, tmp_path: Path) -> Written:
    return Written(tools, tmp_path)


Files = Mapping[str, str | Json | list[Json]]


class Written:
    """Writes a tree and reads it."""

    def __init__(self, tools: Tools, folder: Path) -> None:
        self.tools, self.root, self.cache = tools, folder / "tree", folder / "cache"

    def __call__(self, *apps: Json, files: Files | None = None) -> Tree:
        named = {f"{APPS}/{number:02}-{name(app)}.yaml": app for number, app in enumerate(apps)}
        trees.write(self.root, {**named, **(files or {})})
        return self.again()

    def again(self, rendering: Rendering | None = None) -> Tree:
        more = (rendering,) if rendering else ()
        return Reader(trees.configuration(self.root), self.tools, {}, self.cache, *more).tree()


def whole(tree: Tree) -> Tree:
    assert not tree.unchecked
    assert not tree.broken
    return tree


def only(tree: Tree, app: str = "one") -> App:
    return whole(tree).by_name[app]


def named(app: App, kind: str) -> list[str]:
    return [name(one.item) for one in app.manifests if one.item["kind"] == kind]


# -- platform A ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def platform_a(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    config = load(ROOT / "bootstrap.yaml", "local")
    target = open_target(config)
    return Reader(config, tools, {}, tmp_path_factory.mktemp("cache"), target.rendering).tree()


def test_everything_of_platform_a_is_rendered(platform_a: Tree) -> None:
    tree = whole(platform_a)
    assert len(tree.apps) == 22
    assert [app.wave for app in tree.apps[1:]] == [
        0,
        2,
        3,
        5,
        6,
        10,
        11,
        15,
        16,
        20,
        21,
        25,
        35,
        *[60] * 7,
        70,
    ]
    assert all(app.manifests for app in tree.apps)
    assert [one.name for one in tree.sets] == ["dev-apis"]
    assert {app.set for app in tree.apps if app.name.startswith("dev-api-")} == {"dev-apis"}


def test_argo_cd_is_installed_from_the_repository_or_from_elsewhere(tools: Tools, tmp_path: Path) -> None:
    schema = {"openAPIV3Schema": {"type": "object", "description": "kept"}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"versions": [{"name": "v1", "schema": schema}]},
    }
    folder: Files = {"argocd/config.yaml": [config_map("argocd-cm"), definition]}
    tree, other = trees.write(tmp_path / "tree", folder), trees.write(tmp_path / "other", folder)
    inside = trees.configuration(tree)
    outside = replace(inside, gitops=replace(inside.gitops, install=other / "argocd"))
    for config in (inside, outside):
        objects = Reader(config, tools, {}, tmp_path / "cache").installation()
        assert [name(one) for one in objects] == ["things.example.com", "argocd-cm"]
        assert objects[0]["spec"] == definition["spec"], "with its schema"
        assert not annotations_of(objects[0])


def test_objects_know_where_they_come_from(platform_a: Tree) -> None:
    namespaces = (ROOT / "manifests/namespaces/namespaces.yaml").read_text().splitlines()
    for one in platform_a.by_name["dev-namespaces"].manifests:
        assert one.where.file == "manifests/namespaces/namespaces.yaml"
        document = "\n".join(namespaces[one.where.line - 1 :]).partition("\n---")[0]
        assert f"name: {name(one.item)}\n" in f"{document}\n"
        assert one.namespace == "", "a Namespace is cluster-wide"
    base = [one for one in platform_a.by_name["dev-api-auth"].manifests if one.item["kind"] == "Deployment"]
    assert [str(one.where) for one in base] == ["manifests/apis/base/deployment.yaml:1"]
    assert [one.namespace for one in base] == ["auth"]


def test_objects_of_charts_say_which_chart(platform_a: Tree) -> None:
    found = {one.via for one in platform_a.by_name["dev-grafana"].manifests}
    assert all(via.startswith("chart grafana 12.11.1") for via in found)
    for one in platform_a.by_name["dev-grafana"].manifests:
        line = (ROOT / one.where.file).read_text().splitlines()[one.where.line - 1]
        assert line.strip() == "chart: grafana"


def test_what_stands_before_the_root_application_is_known(platform_a: Tree) -> None:
    mine = [one for one in platform_a.installed if not one.via.startswith(BY_ESO)]
    assert {"AppProject", "ConfigMap", "CustomResourceDefinition"} <= {one.item["kind"] for one in mine}
    by_eso = [one for one in platform_a.installed if one.via.startswith(BY_ESO)]
    assert {"Deployment", "CustomResourceDefinition"} <= {one.item["kind"] for one in by_eso}
    assert {one.app for one in platform_a.installed} == {""}
    assert "/eco2/dev/network/vpc-id" in platform_a.seeded.facts
    assert "/eco2/dev/cache/redis-password" in platform_a.seeded.names


# -- platform B ----------------------------------------------------------------------------------


def test_an_app_of_apps_that_is_one_chart_is_read(reader: Written) -> None:
    trees.platform_b(reader.root)
    tree = whole(reader.again())
    positions = {app.name: (app.position, app.set, app.step) for app in tree.apps[1:]}
    assert positions == {
        "staging-namespaces": ((-10,), "", None),
        "staging-gateway": ((-2,), "", None),
        "auth-guard": ((10,), "staging-webs", 0),
        "queue": ((10,), "staging-webs", 1),
        "seat": ((10,), "staging-webs", 1),
        "api-gateway": ((10,), "staging-webs", 2),
    }
    assert named(tree.by_name["staging-namespaces"], "Namespace") == ["webs", "kafka"]
    (gateway,) = [
        one for one in tree.by_name["staging-gateway"].manifests if one.item["kind"] == "Deployment"
    ]
    assert gateway.item["spec"]["replicas"] == 3, "the value file of $values is used"
    assert str(gateway.where) == "charts/service/templates/deployment.yaml:1"
    (pod,) = [one for one in tree.by_name["auth-guard"].manifests if one.item["kind"] == "Deployment"]
    assert pod.item["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":1.2.3")
    assert tree.by_name["queue"].where.file == f"{APPS}/templates/sets.yaml"


def test_the_order_of_a_set_is_kept_by_its_rolling_sync_alone(reader: Written) -> None:
    trees.platform_b(reader.root)
    assert "appset-order-ignored" not in ids(reader.again())
    sets = reader.root / APPS / "templates/sets.yaml"
    text = sets.read_text()
    begin, end = text.index("  strategy:"), text.index("  generators:")
    waves = """labels: {step: "{{ `{{ .step }}` }}"}
      annotations: {argocd.argoproj.io/sync-wave: "{{ `{{ .step }}` }}"}"""
    label = 'labels: {step: "{{ `{{ .step }}` }}"}'
    sets.write_text((text[:begin] + text[end:]).replace(label, waves))
    assert "appset-order-ignored" in ids(reader.again())


def ids(found: Tree) -> set[str]:
    return {one.rule for one in rules.check(found, graph.build(found))}


# -- kinds of sources ----------------------------------------------------------------------------


def test_a_folder_takes_what_its_options_say(reader: Written) -> None:
    folder = {
        "path": "src",
        "directory": {"recurse": True, "include": "*.yaml", "exclude": "{skip,drafts/*}.yaml"},
    }
    files: Files = {
        "src/a.yaml": [config_map("a"), config_map("b")],
        "src/deep/c.yaml": {"apiVersion": "v1", "kind": "List", "items": [config_map("c"), config_map("d")]},
        "src/skip.yaml": config_map("skip"),
        "src/drafts/e.yaml": config_map("e"),
        "src/other.yml": config_map("yml"),
        "src/values.yaml": "just: values\n",
    }
    app = only(reader(application("one", folder), files=files))
    assert named(app, "ConfigMap") == ["a", "b", "c", "d"]
    assert [str(one.where) for one in app.manifests][:2] == ["src/a.yaml:1", "src/a.yaml:7"]


def test_jsonnet_and_plugins_are_not_checked(reader: Written) -> None:
    hydrated = application("hydrated", {"path": "j"})
    hydrated["spec"]["sourceHydrator"] = {
        "drySource": hydrated["spec"].pop("source"),
        "syncSource": {"targetBranch": "env/dev", "path": "j"},
    }
    tree = reader(
        application("jsonnet", {"path": "j"}),
        application("plugin", {"path": "j", "plugin": {"name": "avp"}}),
        application("elsewhere", {"repoURL": "https://git.example.com/other.git", "path": "x"}),
        application("old", {"path": "j", "targetRevision": "v1"}),
        application("artifact", {"repoURL": "oci://registry.example.com/shop", "path": "."}),
        hydrated,
        files={"j/main.jsonnet": "{}"},
    )
    assert not tree.broken
    assert [one.what.split()[1].rstrip(":") for one in tree.unchecked] == [
        "hydrated",
        "jsonnet",
        "plugin",
        "elsewhere",
        "old",
        "artifact",
    ]
    assert all(one.cure for one in tree.unchecked)


OPTIONS: Json = {
    "namePrefix": "pre-",
    "nameSuffix": "-post",
    "namespace": "moved",
    "images": ["registry.example.com/web=registry.example.com/other:2"],
    "replicas": [{"name": "web", "count": 4}],
    "commonLabels": {"team": "a"},
    "commonAnnotations": {"owner": "$ARGOCD_APP_NAME"},
    "commonAnnotationsEnvsubst": True,
    "labelWithoutSelector": True,
    "patches": [{"target": {"kind": "Deployment"}, "patch": "- {op: add, path: /spec/paused, value: true}"}],
    "components": ["../component"],
}


def test_options_of_kustomize_are_set_as_argo_cd_sets_them(reader: Written) -> None:
    files: Files = {
        "web/kustomization.yaml": {"resources": ["web.yaml"]},
        "web/web.yaml": deployment("web"),
        "component/kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "resources": ["extra.yaml"],
        },
        "component/extra.yaml": config_map("extra"),
    }
    app = only(reader(application("one", {"path": "web", "kustomize": OPTIONS}), files=files))
    web = next(one for one in app.manifests if one.item["kind"] == "Deployment")
    assert web.key.namespace == "moved"
    assert web.key.name == "pre-web-post"
    assert web.item["spec"]["replicas"] == 4
    assert web.item["spec"]["paused"] is True
    assert web.item["spec"]["selector"]["matchLabels"] == {"app": "web"}
    assert web.item["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/other:2"
    assert labels_of(web.item)["team"] == "a"
    assert annotations_of(web.item) == {"owner": "one"}, "and no note of ours"
    assert str(web.where) == "web/web.yaml:1"
    extra = next(one for one in app.manifests if one.item["kind"] == "ConfigMap")
    assert str(extra.where) == "component/extra.yaml:1"


def test_generated_config_maps_lead_to_their_kustomization(reader: Written) -> None:
    files: Files = {
        "web/kustomization.yaml": "configMapGenerator:\n  - name: other\n    literals: [a=b]\n"
        "  - name: settings\n    files: [key=settings.txt]\n",
        "web/settings.txt": "one",
    }
    app = only(reader(application("one", {"path": "web"}), files=files))
    settings = next(one for one in app.manifests if name(one.item).startswith("settings-"))
    assert str(settings.where) == "web/kustomization.yaml:4"
    (reader.root / "web/settings.txt").write_text("two")
    assert name(only(reader.again()).manifests[1].item) != name(settings.item), "its file belongs to it"


def test_values_come_in_argo_cds_order(reader: Written) -> None:
    printing = chart(
        "c", {"all.yaml": _PRINT}, {"a": "chart", "b": "chart", "c": "chart", "d": "chart", "e": 1}
    )
    helm = {
        "valueFiles": ["/values/more.yaml", "missing.yaml", "$lent/lent.yaml"],
        "ignoreMissingValueFiles": True,
        "valuesObject": {"c": "inline", "d": "inline"},
        "values": "c: never",
        "parameters": [
            {"name": "d", "value": "a,b $ARGOCD_APP_NAME"},
            {"name": "e", "value": "2"},
            {"name": "f", "value": "2", "forceString": True},
        ],
        "fileParameters": [{"name": "g", "path": "text.txt"}],
        "releaseName": "called",
    }
    app = application("one", {"path": "c", "helm": helm}, {"ref": "lent"}, namespace="here")
    files: Files = {
        **below("c", printing),
        "c/text.txt": "from a file",
        "values/more.yaml": {"a": "more", "b": "more"},
        "lent.yaml": {"b": "lent"},
    }
    (found,) = only(reader(app, files=files)).manifests
    assert found.item["data"] == {
        "values": "more lent inline a,b one",
        "e": "float64 2" if found.item["data"]["e"].startswith("float") else "int64 2",
        "f": "string 2",
        "g": "from a file",
        "release": "called here",
    }
    assert str(found.where) == "c/templates/all.yaml:1"


_PRINT = """apiVersion: v1
kind: ConfigMap
metadata:
  name: printed
data:
  values: {{ printf "%s %s %s %s" .Values.a .Values.b .Values.c .Values.d | quote }}
  e: {{ printf "%T %v" .Values.e .Values.e | quote }}
  f: {{ printf "%T %v" .Values.f .Values.f | quote }}
  g: {{ .Values.g | quote }}
  release: "{{ .Release.Name }} {{ .Release.Namespace }}"
"""


def test_a_chart_brings_its_crds_and_its_dependencies_but_no_tests(reader: Written) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n"
    test = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n"
    asks = (
        '{{ if .Capabilities.APIVersions.Has "example.com/v1/Thing" }}\n'
        + thing.replace("name: t", "name: asked")
        + "{{ end }}\n"
    )
    parent = chart(
        "parent",
        {"thing.yaml": thing, "test.yaml": test},
        dependencies=[{"name": "lib", "version": "0.1.0", "repository": "file://../lib"}],
    )
    files: Files = {
        **below("parent", parent),
        "parent/crds/thing.yaml": crd,
        **below(
            "lib", chart("lib", {"config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lib}\n"})
        ),
        **below("asks", chart("asks", {"thing.yaml": asks})),
    }
    tree = whole(
        reader(application("one", {"path": "parent"}), application("two", {"path": "asks"}), files=files)
    )
    found = {name(one.item): one for one in tree.by_name["one"].manifests}
    assert set(found) == {"things.example.com", "t", "lib"}
    assert found["t"].namespace == "", "the CRD says that it is cluster-wide"
    assert str(found["lib"].where) == "lib/templates/config.yaml:1"
    assert found["things.example.com"].where.file == "parent/crds/thing.yaml"
    assert named(tree.by_name["two"], "Thing") == ["asked"], (
        "a chart sees the kinds of the other Applications"
    )


# -- ApplicationSets -----------------------------------------------------------------------------


def test_go_templates_are_filled_as_in_go(reader: Written) -> None:
    made = trees.template(
        '{{ .name | normalize }}-{{ index .path.segments 1 }}{{ if eq .is "big" }}-big{{ end }}',
        "{{ .path.path }}",
    )
    made["metadata"]["annotations"] = {
        "{{ .name | lower }}/sizes": '{{ .sizes | join "," }}',
        "v": "{{ .values.where }}",
    }
    generator = {
        "git": {
            "repoURL": REPO,
            "revision": "HEAD",
            "files": [{"path": "teams/**/app.yaml"}, {"path": "teams/x/app.yaml", "exclude": True}],
            "values": {"where": "{{ .path.basename }}!"},
        }
    }
    one = application_set(
        "set",
        [generator],
        made,
        goTemplate=True,
        goTemplateOptions=["missingkey=error"],
        templatePatch='{{ if eq .is "big" }}spec: {destination: {namespace: "{{ .is }}-a"}}{{ end }}',
    )
    files: Files = {
        "teams/a/app.yaml": {"name": "Team_A", "is": "big", "sizes": [1, 2]},
        "teams/b/app.yaml": "- {name: B1, is: small, sizes: []}\n- {name: B2, is: small, sizes: [x]}\n",
        "teams/x/app.yaml": {"name": "X", "is": "small", "sizes": []},
    }
    tree = whole(reader(one, files=files))
    apps = {app.name: app for app in tree.apps[1:]}
    assert set(apps) == {"team-a-a-big", "b1-b", "b2-b"}
    assert annotations_of(apps["team-a-a-big"].item) == {"team_a/sizes": "1,2", "v": "a!"}
    assert apps["team-a-a-big"].item["spec"]["destination"]["namespace"] == "big-a"
    assert apps["b1-b"].item["spec"]["destination"]["namespace"] == "default"
    assert apps["b1-b"].namespace == "argocd"


def test_a_template_that_names_too_much_is_broken_only_if_it_wants_to_be(reader: Written) -> None:
    made = trees.template("app-{{ .name }}", "src/{{ .missing }}")
    elements = [{"list": {"elements": [{"name": "a"}]}}]
    strict = application_set(
        "strict", elements, made, goTemplate=True, goTemplateOptions=["missingkey=error"]
    )
    (broken,) = reader(strict, files={"src/x": ""}).broken
    assert broken.what == "ApplicationSet strict"
    assert '"missing"' in broken.why
    bad = application_set("bad", elements, trees.template("{{ .name | nope }}", "src"), goTemplate=True)
    (reader.root / APPS / "00-strict.yaml").unlink()
    (broken,) = reader(bad).broken
    assert 'function "nope" not defined' in broken.why


def test_a_matrix_feeds_its_second_generator(reader: Written) -> None:
    matrix = {
        "matrix": {
            "generators": [
                {"list": {"elements": [{"env": "dev"}, {"env": "prod"}]}},
                {
                    "git": {
                        "repoURL": REPO,
                        "revision": "main",
                        "directories": [{"path": "envs/{{ .env }}/*"}],
                    }
                },
            ]
        }
    }
    one = application_set(
        "set", [matrix], trees.template("{{.env}}-{{.path.basename}}", "{{.path.path}}"), goTemplate=True
    )
    files: Files = {
        f"envs/{where}/a.yaml": config_map("a")
        for where in ("dev/x", "dev/y", "prod/x", "prod/.hidden", "test/x")
    }
    tree = whole(reader(one, files=files))
    assert [app.name for app in tree.apps[1:]] == ["dev-x", "dev-y", "prod-x"]


# -- depth, order, failure -----------------------------------------------------------------------


def test_an_app_of_apps_of_any_depth_has_a_position_of_that_length(reader: Written) -> None:
    files: Files = {
        "two/app.yaml": application("two", {"path": "three"}, wave=-3),
        "three/app.yaml": application("three", {"path": "four"}, wave=7),
        "four/all.yaml": [config_map("c"), application("one", {"path": "two"})],
    }
    tree = whole(reader(application("one", {"path": "two"}, wave=5), files=files))
    assert [(app.name, app.position, app.parent) for app in tree.apps] == [
        ("root", (), ""),
        ("one", (5,), "root"),
        ("two", (5, -3), "one"),
        ("three", (5, -3, 7), "two"),
    ]


BROKEN: dict[str, tuple[Json, Files, str]] = {
    "no folder": ({"path": "nowhere"}, {}, "nowhere is no folder"),
    "kustomize": ({"path": "k"}, {"k/kustomization.yaml": {"resources": ["gone.yaml"]}}, "gone.yaml"),
    "malformed": (
        {"path": "k"},
        {
            "k/kustomization.yaml": {"resources": ["deep"]},
            "k/deep/kustomization.yaml": {"resources": ["fine.yaml", "bad.yaml"]},
            "k/deep/fine.yaml": config_map("fine"),
            "k/deep/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n name: b\n",
        },
        "bad.yaml",
    ),
    "helm": (
        {"path": "c"},
        below("c", chart("c", {"x.yaml": '{{ required "no host" .Values.host }}'})),
        "no host",
    ),
    "value file": ({"path": "c", "helm": {"valueFiles": ["no.yaml"]}}, below("c", chart("c", {})), "no.yaml"),
    "yaml": (
        {"path": "y"},
        {"y/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"},
        "y/a.yaml",
    ),
    # Argo CD takes an empty block for none.
    "kinds": (
        {"path": "y", "helm": {"releaseName": "a"}, "kustomize": {"namePrefix": "a-"}},
        {"y/a.yaml": "{}"},
        "helm, kustomize",
    ),
    "lock": (
        {"path": "c"},
        {
            **below(
                "c",
                chart("c", {}, dependencies=[{"name": "a", "version": "1.0.0", "repository": "file://../a"}]),
            ),
            "c/Chart.lock": {"dependencies": []},
        },
        "out of sync",
    ),
    "ref": ({"path": "c", "helm": {"valueFiles": ["$nobody/a.yaml"]}}, below("c", chart("c", {})), "nobody"),
}


BLAMED = {
    "yaml": "y/a.yaml:4",
    "helm": "c/templates/x.yaml:1",
    "malformed": "k/deep/bad.yaml:4",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_argo_cd_cannot_render_is_broken_and_the_rest_is_read(reader: Written, case: str) -> None:
    source, files, words = BROKEN[case]
    tree = reader(
        application("one", source),
        application("fine", {"path": "ok"}),
        files={**files, "ok/a.yaml": config_map("a")},
    )
    (broken,) = tree.broken
    assert not tree.unchecked
    assert words in broken.why
    assert str(reader.root) not in broken.why
    assert str(broken.where) == BLAMED.get(case, f"{APPS}/00-one.yaml:{broken.where.line}")
    assert broken.cure
    assert named(tree.by_name["fine"], "ConfigMap") == ["a"]


ODD: dict[str, Json] = {
    "value files": {"path": "c", "helm": {"valueFiles": 5}},
    "parameters": {"path": "c", "helm": {"parameters": ["x"]}},
    "images": {"path": "k", "kustomize": {"images": 5}},
}


@pytest.mark.parametrize("case", ODD)
def test_fields_of_a_wrong_type_are_told_and_stop_nothing(reader: Written, case: str) -> None:
    files: Files = {**below("c", chart("c", {})), "k/kustomization.yaml": {"namePrefix": "a-"}}
    odd_set = application_set("odd", [{"list": {"elements": 5}}], {"metadata": [], "spec": {}})
    tree = reader(application("one", ODD[case]), application("fine", {"path": "c"}), odd_set, files=files)
    assert [one.what.split(":")[0] for one in tree.unchecked] == ["ApplicationSet odd", "Application one"]
    assert all("not understood" in one.why and one.cure for one in tree.unchecked)
    assert not tree.broken


def test_values_that_look_secret_are_not_repeated(reader: Written) -> None:
    template = '{{ fail (printf "cannot use %s with %s" .Values.password .Values.mode) }}'
    helm = {"valuesObject": {"password": "hunter2-hunter2", "mode": "fast"}}
    tree = reader(
        application("one", {"path": "c", "helm": helm}), files=below("c", chart("c", {"x.yaml": template}))
    )
    (broken,) = tree.broken
    assert "with fast" in broken.why
    assert "hunter2" not in broken.why


def test_without_helm_it_is_an_error_with_a_cure(reader: Written, tmp_path: Path) -> None:
    trees.write(reader.root, {})
    reader.tools = replace(reader.tools, helm=tmp_path / "no-helm")
    with pytest.raises(ToolError, match="no-helm") as raised:
        reader.again()
    assert raised.value.cure == "bootstrap doctor"


# -- the store and the way outside ---------------------------------------------------------------


def test_nothing_is_run_when_nothing_changed(reader: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.synthetic(reader.root)
    first = whole(reader.again())
    assert len(first.apps) == 41
    runs = count_runs(monkeypatch)
    assert reader.again() == first
    assert runs == []
    (reader.root / "base/service.yaml").write_text(
        (reader.root / "base/service.yaml").read_text().replace("80", "81")
    )
    changed = whole(reader.again())
    assert changed != first
    assert {run[1] for run in runs} == {"build"}
    assert len(runs) == len(
        [app for app in first.apps if "base/service.yaml" in {one.where.file for one in app.manifests}]
    )


def test_a_damaged_store_is_rendered_anew(reader: Written) -> None:
    trees.platform_b(reader.root)
    first = whole(reader.again())
    for number, file in enumerate(sorted(reader.cache.rglob("*.json"))):
        content = file.read_bytes()
        file.write_bytes(
            [b"", b"garbage", content[: len(content) // 2], content.replace(b"a", b"b")][number % 4]
        )
    assert reader.again() == first


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    runs: list[list[str]] = []
    really = Programs._run

    def run(self: Programs, programs: tuple[Path, ...], arguments: Sequence[str], *rest: Any) -> bytes:
        runs.append([str(programs[0]), *arguments])
        return really(self, programs, arguments, *rest)

    monkeypatch.setattr(Programs, "_run", run)
    return runs


def test_the_way_outside_is_opened_only_when_something_is_fetched(reader: Written, tmp_path: Path) -> None:
    opened: list[str] = []

    @contextmanager
    def outside() -> Iterator[Outside]:
        opened.append("opened")
        yield Outside({}, lambda: (Source("https://127.0.0.1:9/c", "1.0.0", "stand-in"),))
        opened.append("closed")

    rendering = Rendering(outside)
    trees.write(
        reader.root, {f"{APPS}/a.yaml": application("one", {"path": "x"}), "x/a.yaml": config_map("a")}
    )
    whole(reader.again(rendering))
    assert opened == []
    remote = application("two", {"repoURL": "https://127.0.0.1:9", "chart": "c", "targetRevision": "1.0.0"})
    trees.write(reader.root, {f"{APPS}/b.yaml": remote})
    (unchecked,) = reader.again(rendering).unchecked
    assert "c 1.0.0 of https://127.0.0.1:9" in unchecked.why
    line = (reader.root / unchecked.where.file).read_text().splitlines()[unchecked.where.line - 1]
    assert line.strip() == "chart: c"
    assert opened == ["opened", "closed"]


# -- stand-ins ---------------------------------------------------------------------------------


@pytest.fixture
def offline(reader: Written, tmp_path: Path) -> tuple[Rendering, list[str]]:
    """The local platform's way outside where there is no network; and how often it was opened."""
    share = Toolchain.locate(ROOT).share
    config = Config(0, tmp_path / "state", tmp_path / "upstream", share, REPO, offline=True)
    opened: list[str] = []

    @contextmanager
    def outside() -> Iterator[Outside]:
        opened.append("opened")
        with serve(config, trees.configuration(reader.root).gitops) as way:
            yield way

    return Rendering(outside, config.kind_of_answers), opened


_METRICS: Json = {
    "name": "metrics-server",
    "repository": "https://kubernetes-sigs.github.io/metrics-server/",
    "version": "3.13.0",
}
REMOTE: Files = {
    f"{APPS}/a.yaml": application(
        "karpenter",
        {
            "repoURL": "public.ecr.aws/karpenter",
            "chart": "karpenter",
            "targetRevision": "1.11.1",
            "helm": {"valueFiles": ["$values/karpenter.yaml"]},
        },
        {"ref": "values"},
        namespace="kube-system",
    ),
    f"{APPS}/b.yaml": application(
        "metrics",
        {
            "repoURL": "https://kubernetes-sigs.github.io/metrics-server/",
            "chart": "metrics-server",
            "targetRevision": "3.13.0",
        },
        namespace="kube-system",
    ),
    f"{APPS}/c.yaml": application("definitions", {"path": "definitions"}),
    f"{APPS}/d.yaml": application("own", {"path": "own"}),
    "karpenter.yaml": {"replicaCount": 7},
    "definitions/kustomization.yaml": {
        "resources": [
            "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/crds/application-crd.yaml",
            "https://github.com/rabbitmq/cluster-operator/releases/download/v2.22.3/cluster-operator.yml",
        ]
    },
    **below("own", chart("own", {}, dependencies=[_METRICS])),
}


def test_what_cannot_be_fetched_is_a_stand_in_and_said_to_be_one(
    reader: Written, offline: tuple[Rendering, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendering, opened = offline
    trees.write(reader.root, REMOTE)
    tree = whole(reader.again(rendering))
    (karpenter,) = [one for one in tree.by_name["karpenter"].manifests if one.item["kind"] == "Deployment"]
    assert karpenter.via == "chart karpenter 1.11.1 (stand-in)"
    assert karpenter.item["spec"]["replicas"] == 7
    assert {one.via for one in tree.by_name["metrics"].manifests} == {
        "chart metrics-server 3.13.0 (stand-in)"
    }
    own = {(one.via, str(one.where)) for one in tree.by_name["own"].manifests}
    assert own == {("chart metrics-server 3.13.0 (stand-in)", "own/Chart.yaml:5")}
    real, made_up = sorted({one.via for one in tree.by_name["definitions"].manifests}, key=len)
    assert made_up.endswith("cluster-operator.yml (stand-in)") or real.endswith("(stand-in)")
    assert {one.where.line for one in tree.by_name["definitions"].manifests} == {2, 3}
    runs = count_runs(monkeypatch)
    assert reader.again(rendering) == tree
    assert (opened, runs) == (["opened"], [])


def test_another_stand_in_is_not_taken_for_the_first(
    reader: Written, offline: tuple[Rendering, list[str]]
) -> None:
    rendering, opened = offline
    trees.write(reader.root, {f"{APPS}/b.yaml": REMOTE[f"{APPS}/b.yaml"]})
    whole(reader.again(rendering))
    whole(reader.again(replace(rendering, key="other")))
    assert opened == ["opened"] * 2


def test_a_range_of_versions_is_asked_for_each_time(
    reader: Written, offline: tuple[Rendering, list[str]]
) -> None:
    rendering, opened = offline
    metrics = {"repoURL": _METRICS["repository"], "chart": "metrics-server", "targetRevision": "3.*"}
    trees.write(reader.root, {f"{APPS}/b.yaml": application("metrics", metrics)})
    whole(reader.again(rendering))
    whole(reader.again(rendering))
    assert opened == ["opened"] * 2


@pytest.mark.parametrize(
    ("file", "words"),
    [("README.md", "finds nothing in apps"), ("apps/team/one.yaml", "does not look into folders below")],
)
def test_a_tree_without_anything_is_a_mistake(reader: Written, file: str, words: str) -> None:
    trees.write(reader.root, {file: trees.config_map("m")})
    with pytest.raises(ConfigError) as caught:
        reader.again()
    assert words in caught.value.problems[0].what


def test_a_link_out_of_the_repository_breaks_all_of_it(reader: Written) -> None:
    (reader.root / "etc").parent.mkdir(exist_ok=True)
    trees.write(reader.root, {"apps/m.yaml": trees.config_map("m")})
    (reader.root / "etc").symlink_to("/etc")
    assert [one.what for one in reader.again().broken] == ["the repository"]
