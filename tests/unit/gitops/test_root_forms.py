"""A root Application of any form: one tree, which lint, plan and up all answer from."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import preview
from bootstrap.config.model import Environment, Eso, RootSource
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import ConfigError, UsageError
from bootstrap.gitops.model import Tree
from bootstrap.gitops.operator import operator
from bootstrap.gitops.reader import Reader
from bootstrap.gitops.root import root_application
from bootstrap.kubernetes.objects import APP_PROJECT, APPLICATION, CRD, Key
from bootstrap.kubernetes.waves import PlannedMember
from bootstrap.lint.run import lint
from bootstrap.local.faults.fault import choose
from bootstrap.local.faults.overlay import read_overlay
from bootstrap.preview import PlannedWave
from bootstrap.run.context import Context
from bootstrap.run.target import Target
from bootstrap.steps import root_app
from bootstrap.steps import tree as step
from bootstrap.steps.planned import planned
from bootstrap.targets.base import Phases
from tests import fakes, renderers
from tests import lint_tree as trees
from tests.kubernetes_bench import make
from tests.root_forms import CRDS, FORMS, OPERATOR, Form

FAULT = choose("image-pull")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


@pytest.fixture
def config(form: Form, tmp_path: Path) -> Environment:
    root = trees.write(tmp_path / "tree", form.tree())
    plain = trees.configuration(root)
    return replace(plain, gitops=replace(plain.gitops, source=RootSource(**form.source)))


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "programs").mkdir()
    return fakes.target(tools=renderers.tools(tmp_path / "programs"), exists=lambda: False)


@pytest.fixture
def tree(config: Environment, target: Target) -> Tree:
    """As the step leaves it for those that follow."""
    context = Context(config, target, FakeClock(), lambda _: None, threading.Event(), config.state)
    found = step.run(context).result
    assert isinstance(found, Tree)
    return found


def test_every_command_answers_from_one_tree(
    form: Form, config: Environment, target: Target, tree: Tree
) -> None:
    first, second = f"{form.prefix}{CRDS}", f"{form.prefix}{OPERATOR}"
    assert (tree.unchecked, tree.broken) == ((), ())
    report = lint(config, tree).report
    assert (report.applications, report.waves) == (2, 2)
    assert preview.collect(config, target, Phases()).waves == (
        PlannedWave(0, (first,)),
        PlannedWave(10, (second,)),
    )
    assert planned(tree, config.gitops.root_app) == (
        PlannedMember(first, "Application", (0,)),
        PlannedMember(second, "Application", (10,)),
    )
    found = operator(tree, config)
    assert (found.app.name, found.definitions and found.definitions.name) == (second, first)
    assert operator(tree, replace(config, eso=Eso(second))) == found


@pytest.mark.parametrize("form", ["folder", "chart"], indirect=True)
def test_what_is_installed_is_whole(config: Environment, target: Target, tree: Tree) -> None:
    """The linter reads CRDs without their schemas; a cluster needs them."""
    definitions = operator(tree, config).definitions
    assert definitions is not None
    rendered = Reader.of(config, target).render(definitions, "1.34.2", ())
    (version,) = rendered[0].item["spec"]["versions"]
    assert version["schema"]["openAPIV3Schema"]["description"] == "kept"
    (read,) = (one for one in tree.manifests if one.key.kind == CRD)
    assert "description" not in str(read.item)


def test_argo_cd_is_told_what_was_read(config: Environment, tmp_path: Path) -> None:
    bench = make(tmp_path)
    given = replace(bench.context, config=replace(bench.context.config, gitops=config.gitops))
    root_app.run(given)
    live = bench.server.stored[Key(APPLICATION, "argocd", "root")]
    assert live["spec"] == root_application(config.gitops)["spec"]
    assert config.gitops.source.options.items() <= live["spec"]["source"].items()


def test_a_rehearsed_fault_is_laid_where_the_root_sees_it(
    form: Form, config: Environment, target: Target, tree: Tree
) -> None:
    """Or refused, where the root's own patterns leave it out."""
    fault = f"fault-{FAULT.fault.name}"
    if "include" in form.source.get("directory", {}):
        with pytest.raises(UsageError):
            read_overlay([FAULT], config, tree)
        return
    trees.write(config.gitops.checkout, read_overlay([FAULT], config, tree))
    again = Reader.of(config, target).tree()
    planted = again.by_name[fault]
    assert (planted.position, planted.item["spec"]["project"]) == ((11,), fault), "no prefix applies to it"
    assert Key(APP_PROJECT, "argocd", fault) in {one.key for one in again.manifests}
    assert {*tree.by_name} < {*again.by_name}


BROKEN = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: [name\n"


@pytest.mark.parametrize("form", ["folder", "recursive folder"], indirect=True)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(config: Environment, target: Target) -> None:
    """Before Terraform, whatever `lint` is set to."""
    (config.gitops.checkout / "apps" / "20-broken.yaml").write_text(BROKEN)
    context = Context(config, target, FakeClock(), lambda _: None, threading.Event(), config.state)
    with pytest.raises(ConfigError) as caught:
        step.run(context)
    assert [problem.where for problem in caught.value.problems] == ["apps/20-broken.yaml:4"]
    assert caught.value.exit_code == 2
