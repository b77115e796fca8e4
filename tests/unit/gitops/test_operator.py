"""Which Application installs External Secrets Operator, and what of it stops a run before Terraform."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.config.model import Environment, Eso
from bootstrap.core.errors import ConfigError, PreflightError
from bootstrap.gitops.model import Broken, Location, Tree, Unchecked
from bootstrap.gitops.operator import operator
from tests import fakes
from tests.gitops_tree import CRDS, OPERATOR, ROOT, TREE, app, definition, deployment, with_objects

HERE = Location("apps/10-secrets-operator.yaml", 12)


@pytest.fixture
def config(tmp_path: Path) -> Environment:
    return fakes.environment(tmp_path)


@pytest.mark.parametrize("wanted", ["10-secrets-operator", "dev-secrets-operator"])
def test_by_its_file_or_its_name(config: Environment, wanted: str) -> None:
    found = operator(TREE, replace(config, eso=Eso(wanted)))
    assert (found.app, found.definitions) == (OPERATOR, CRDS)


def test_its_own_definitions_are_enough(config: Environment) -> None:
    own = definition("externalsecrets", "external-secrets.io")
    found = operator(with_objects(TREE, OPERATOR.name, deployment("eso"), own), config)
    assert found.definitions is None


def test_nested_in_another_application(config: Environment) -> None:
    nested = replace(OPERATOR, position=(10, 2), parent="infra")
    found = operator(Tree((ROOT, CRDS, app("infra", "10-infra", 10), nested)), config)
    assert (found.app, found.definitions) == (nested, CRDS)


def test_there_is_none(config: Environment) -> None:
    where = replace(config, eso=Eso("11-secrets-operator", where="bootstrap.yaml:7"))
    with pytest.raises(ConfigError) as caught:
        operator(TREE, where)
    (problem,) = caught.value.problems
    assert problem.where == "bootstrap.yaml:7"
    assert problem.cure == "did you mean '10-secrets-operator'?"
    assert caught.value.exit_code == 2


def test_argo_cd_could_not_render_it_either(config: Environment) -> None:
    gap = Broken("Application x: chart y", "no such value file", HERE, "add it", OPERATOR.name)
    with pytest.raises(ConfigError) as caught:
        operator(replace(with_objects(TREE, OPERATOR.name), broken=(gap,)), config)
    assert [problem.where for problem in caught.value.problems] == [str(HERE)]


def test_it_cannot_be_rendered_here(config: Environment) -> None:
    gap = Unchecked("Application x: chart y", "no network", HERE, "check it", OPERATOR.name)
    with pytest.raises(PreflightError) as caught:
        operator(replace(with_objects(TREE, OPERATOR.name), unchecked=(gap,)), config)
    assert [problem.where for problem in caught.value.problems] == [str(HERE)]


def test_what_is_wrong_elsewhere_is_no_matter_here(config: Environment) -> None:
    gap = Broken("Application other", "no such folder", Location("apps/60.yaml"), "", "other")
    assert operator(replace(TREE, broken=(gap,)), config).app == OPERATOR


def test_no_definitions_anywhere(config: Environment) -> None:
    with pytest.raises(ConfigError) as caught:
        operator(with_objects(TREE, CRDS.name, definition("others", "example.com")), config)
    assert [problem.where for problem in caught.value.problems] == ["apps/10-secrets-operator.yaml:1"]


def test_definitions_may_be_in_what_could_not_be_rendered(config: Environment) -> None:
    gap = Unchecked("Application dev-crds", "no network", HERE, "", CRDS.name)
    with pytest.raises(PreflightError):
        operator(replace(with_objects(TREE, CRDS.name), unchecked=(gap,)), config)


def test_it_may_be_in_what_could_not_be_rendered(config: Environment) -> None:
    where = Location("apps/20-broken.yaml", 2)
    gap = Broken("Application root: apps", "no valid YAML", where, "correct it", ROOT.name)
    with pytest.raises(ConfigError) as caught:
        operator(Tree((ROOT,), broken=(gap,)), config)
    assert [problem.where for problem in caught.value.problems] == ["apps/20-broken.yaml:2"]
