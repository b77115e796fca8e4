"""The table of recipes agrees with the Go modules, with itself and with what others ask for."""

from __future__ import annotations

import re

import pytest

from bootstrap.local.toolchain.keys import MODULES, module_version, stamps
from bootstrap.local.toolchain.locate import replacement
from bootstrap.local.toolchain.recipes import GO_MINIMUM, RECIPES, GoTool, Share

GO_TOOLS = [recipe for recipe in RECIPES if isinstance(recipe, GoTool)]
PROMISED = {
    "etcd",
    "etcdctl",
    "etcdutl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "argocd",
    "helm",
    "kustomize",
    "external-secrets",
    "redis-server",
    "terraform",
}


def test_every_promised_program_has_one_recipe() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert set(names) >= PROMISED
    assert len(names) == len(set(names))


@pytest.mark.parametrize("tool", GO_TOOLS, ids=lambda tool: tool.name)
def test_a_go_tool_is_pinned_by_its_module(tool: GoTool) -> None:
    assert f'"{tool.package}"' in (MODULES / tool.module / "tools.go").read_text()
    assert re.fullmatch(r"v\d+\.\d+\.\d+", module_version(tool.module, tool.source))


def test_what_is_shared_is_of_the_version_that_is_built() -> None:
    built = {(tool.module, tool.source) for tool in GO_TOOLS}
    copies = [copy for recipe in RECIPES if isinstance(recipe, Share) for copy in recipe.copies]
    assert {(copy.module, copy.source) for copy in copies} <= built


def test_go_minimum_is_what_the_modules_demand() -> None:
    demanded = []
    for file in MODULES.glob("*/go.mod"):
        found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", file.read_text(), re.MULTILINE)
        assert found
        demanded.append(tuple(int(part or 0) for part in found.groups()))
    assert max(demanded) == GO_MINIMUM


def test_stamps_tell_the_version_of_the_module() -> None:
    by_name = {tool.name: tool for tool in GO_TOOLS}
    version = module_version("programs", "k8s.io/kubernetes")
    assert f"k8s.io/component-base/version.gitVersion={version}" in stamps(by_name["kube-apiserver"])
    argocd = module_version("programs", "github.com/argoproj/argo-cd/v3").removeprefix("v")
    assert stamps(by_name["argocd"]) == (f"github.com/argoproj/argo-cd/v3/common.version={argocd}",)
    assert stamps(by_name["kwok"]) == ()


def test_all_programs_share_one_version_of_kubernetes() -> None:
    """Helm claims the Kubernetes of its client library, and each package is compiled once."""
    text = (MODULES / "programs" / "go.mod").read_text()
    bare = module_version("programs", "k8s.io/kubernetes").removeprefix("v1.")
    staging = set(re.findall(r"^\tk8s\.io/\S+ => k8s\.io/\S+ v0\.([1-9]\S*)$", text, re.MULTILINE))
    assert staging == {bare}
    assert module_version("programs", "k8s.io/client-go") == f"v0.{bare}"


def test_programs_of_path_replace_only_what_users_bring() -> None:
    rules = {recipe.name: rule for recipe in RECIPES if (rule := replacement(recipe))}
    assert set(rules) == {"terraform", "helm", "kubectl"}
    assert rules["terraform"].versions.fits((1, 11, 4))
    assert not rules["terraform"].versions.fits((1, 9, 8))
    assert not rules["helm"].versions.fits((3, 22, 0))
    assert not rules["kubectl"].versions.fits((1, 35, 4))


@pytest.mark.parametrize("tool", GO_TOOLS, ids=lambda tool: tool.name)
def test_what_is_compiled_instead_is_there(tool: GoTool) -> None:
    for theirs, ours in tool.replaced:
        assert (MODULES / tool.module / ours).is_file(), theirs
