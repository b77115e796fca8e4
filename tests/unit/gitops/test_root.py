from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.config.model import Gitops, RootSource
from bootstrap.core.errors import ConfigError
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.render import source_kind
from bootstrap.gitops.root import repository_root, root_application, root_source
from bootstrap.gitops.source import ApplicationSource

REPO = "https://git.example.com/eco2/platform.git"


def test_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "er").mkdir(parents=True)
    assert repository_root(tmp_path / "tree" / "deep" / "er") == (tmp_path / "tree").resolve()
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError) as caught:
            repository_root(folder)
        assert caught.value.problems[0].where == "gitops.checkout"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {}),
        ({"directory": {"recurse": True}}, {"directory": {"recurse": True}}),
        ({"helm": {"valueFiles": ["dev.yaml"]}}, {"helm": {"valueFiles": ["dev.yaml"]}}),
    ],
)
def test_what_argo_cd_is_told_of_the_root_is_what_the_reader_uses(
    tmp_path: Path, given: dict[str, dict[str, object]], wanted: dict[str, object]
) -> None:
    gitops = Gitops(tmp_path, REPO, "apps", tmp_path, source=RootSource(**given))
    source = root_application(gitops)["spec"]["source"]
    assert source == {"repoURL": REPO, "path": "apps", "targetRevision": "main", **wanted}
    assert root_source(gitops).spec == source


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({}, "helm"),
        ({"directory": {"recurse": False}}, "helm"),
        ({"directory": {"recurse": True}}, "directory"),
        ({"directory": {"exclude": "x"}}, "directory"),
        ({"helm": {}, "kustomize": {"images": []}}, "helm"),
        ({"kustomize": {"namePrefix": "a-"}}, "kustomize"),
        ({"plugin": {}}, "plugin"),
    ],
)
def test_options_that_say_nothing_are_none(tmp_path: Path, spec: dict[str, object], kind: str) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "Chart.yaml").touch()
    source = ApplicationSource("root", "argocd", "default", "argocd", {"path": "apps", **spec})
    assert source_kind(Checkout(tmp_path), source) == kind
