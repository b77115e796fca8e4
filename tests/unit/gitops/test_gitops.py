from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.config.model import Gitops
from bootstrap.core.errors import ConfigError
from bootstrap.gitops.applications import AppManifest, chart_of, find, load, parse, repository_root
from bootstrap.kubernetes.render import Chart, Parameter

OURS = "https://git.example.com/eco2/platform.git"


def application(
    name: str, wave: str | None = None, spec: str = "{project: platform}", kind: str = "Application"
) -> str:
    annotations = f", annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}" if wave is not None else ""
    return f"kind: {kind}\nmetadata: {{name: {name}{annotations}}}\nspec: {spec}\n"


@pytest.fixture
def gitops(tmp_path: Path) -> Gitops:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / "apps").mkdir(parents=True)
    return Gitops(tmp_path / "sub", OURS, "sub/apps", tmp_path)


def write(gitops: Gitops, name: str, text: str) -> None:
    (gitops.checkout / "apps" / name).write_text(text)


def test_by_wave_then_name(gitops: Gitops) -> None:
    write(gitops, "20-b.yaml", application("b", "20"))
    write(gitops, "05-late.yaml", application("negative", "-3") + "---\n" + application("a", "20"))
    write(gitops, "60-apis.yml", application("apis", "60", kind="ApplicationSet"))
    write(gitops, "kustomization.yaml", "kind: Kustomization\n")
    write(gitops, "README.md", "no YAML: [")
    found = load(gitops)
    assert [(app.wave, app.name, app.kind) for app in found] == [
        (-3, "negative", "Application"),
        (20, "a", "Application"),
        (20, "b", "Application"),
        (60, "apis", "ApplicationSet"),
    ]
    assert found[1].where == "sub/apps/05-late.yaml:5"
    assert find(found, "20-b").name == "b"


def test_without_a_wave_it_is_zero() -> None:
    assert parse(application("a"), Path("a.yaml"))[0][0].wave == 0


def test_all_problems_at_once(gitops: Gitops) -> None:
    write(gitops, "a.yaml", application("same"))
    write(gitops, "b.yaml", application("same"))
    write(gitops, "c.yaml", application("c", "ten"))
    write(gitops, "d.yaml", "a: 1\nb: [")
    write(gitops, "e.yaml", "kind: Application\nmetadata: {}\n---\nkind: Application\nmetadata: {name: e}\n")
    with pytest.raises(ConfigError) as caught:
        load(gitops)
    said = {problem.where: problem.what for problem in caught.value.problems}
    assert "'ten'" in said["sub/apps/c.yaml:1"]
    assert "no valid YAML" in said["sub/apps/d.yaml:3"]
    assert "no name" in said["sub/apps/e.yaml:1"]
    assert "no spec" in said["sub/apps/e.yaml:4"]
    assert "sub/apps/a.yaml:1" in said["sub/apps/b.yaml:1"]
    assert all(problem.cure for problem in caught.value.problems)


def test_what_is_no_text_is_told_with_the_rest(gitops: Gitops) -> None:
    write(gitops, "a.yaml", application("a", "ten"))
    folder = gitops.checkout / "apps"
    (folder / "b.yaml").write_bytes(b"\xff\xfe")
    (folder / "c.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load(gitops)
    said = {problem.where: problem.what for problem in caught.value.problems}
    assert said["sub/apps/b.yaml"] == "cannot be read: it is not UTF-8 text"
    assert said["sub/apps/c.yaml"] == "cannot be read: Is a directory"
    assert len(said) == 3


def test_no_folder_no_application_no_repository(
    gitops: Gitops, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ConfigError, match="no Application below"):
        load(gitops)
    with pytest.raises(ConfigError, match="no folder elsewhere"):
        load(Gitops(gitops.checkout, OURS, "elsewhere", gitops.install))
    with pytest.raises(ConfigError, match="git init"):
        repository_root(tmp_path_factory.mktemp("plain"))
    with pytest.raises(ConfigError, match=r"no Application stands in a file x\.yaml"):
        find([], "x")


def app(spec: str) -> AppManifest:
    found, problems = parse(application("web", "1", spec), Path("apps/web.yaml"))
    assert problems == []
    return found[0]


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file", path)


def test_a_chart_with_its_values() -> None:
    chart, release = chart_of(
        app("""{destination: {namespace: edge}, source: {repoURL: https://c.example.com, chart: ingress,
          targetRevision: 1.2.3, helm: {values: "a: {b: 1}", skipCrds: true,
          parameters: [{name: x, value: "5", forceString: true}]}}}"""),
        no_files,
    )
    assert chart == Chart("https://c.example.com", "ingress", "1.2.3")
    assert (release.name, release.namespace, release.include_crds) == ("web", "edge", False)
    assert release.values == ({"a": {"b": 1}},)
    assert release.parameters == (Parameter("x", "5", string=True),)


def test_value_files_of_the_repository_come_first_and_objects_beat_text() -> None:
    chart, release = chart_of(
        app(f"""{{sources: [
          {{repoURL: {OURS}, ref: values}},
          {{repoURL: oci.example.com/x, chart: c, targetRevision: 2.0.0, helm: {{releaseName: other,
            valueFiles: [$values/apps/v.yaml], values: "a: 1", valuesObject: {{a: 2}}}}}}]}}"""),
        {"apps/v.yaml": "f: 1\n"}.__getitem__,
    )
    assert chart.repository == "oci.example.com/x"
    assert release.name == "other"
    assert release.values == ({"f": 1}, {"a": 2})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{source: {repoURL: x, path: y}}", "no source with a chart"),
        ("{source: {chart: c, repoURL: r, helm: {valueFiles: [values-prod.yaml]}}}", "values-prod.yaml"),
        ("{source: {chart: c, repoURL: r, helm: {values: '- 1'}}}", "no mapping"),
        ("{source: {chart: c, repoURL: r, helm: {values: 'a: ['}}}", "no valid YAML"),
        ("{sources: [{chart: c, repoURL: r, helm: {valueFiles: [$v/a.yaml]}}, {ref: v}]}", "No such file"),
    ],
)
def test_what_cannot_be_rendered_is_named(spec: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chart_of(app(spec), no_files)
    assert caught.value.problems[0].where == "apps/web.yaml:1"
    assert words in caught.value.problems[0].what
