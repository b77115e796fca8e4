"""What the programs are asked, and what becomes of their answers. The real ones run in tests/platform."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.kubernetes.render import Chart, Parameter, Release, helm_template, kustomize_build

CHART = Chart("https://charts.example.com", "ingress", "1.2.3")


class Program:
    """A shell script in place of helm or kustomize that notes its arguments, environment and value files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "program"
        self._notes = folder / "notes"
        self._notes.mkdir()

    def says(self, output: str, status: int = 0, complaint: str = "") -> Program:
        (self._notes / "output").write_text(output)
        (self._notes / "complaint").write_text(complaint)
        self.path.write_text(
            f"""#!/bin/sh
cd '{self._notes}'
for argument in "$@"; do echo "$argument"; done > arguments
env > environment
number=0
while [ $# -gt 0 ]; do
  if [ "$1" = --values ]; then cp "$2" "values-$number"; number=$((number + 1)); fi
  shift
done
cat output
cat complaint >&2
exit {status}
"""
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        return self

    @property
    def arguments(self) -> list[str]:
        return (self._notes / "arguments").read_text().splitlines()

    @property
    def environment(self) -> dict[str, str]:
        lines = (self._notes / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def values(self, number: int) -> object:
        return json.loads((self._notes / f"values-{number}").read_text())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path).says("kind: A\n---\n# only a comment\n---\nkind: List\nitems: [{kind: B}]\n")


def test_a_chart_of_a_helm_repository(program: Program) -> None:
    release = Release("web", "edge", values=({"a": 1}, {"password": "canary"}), kubernetes_version="1.34.2")
    found = helm_template(program.path, CHART, release, {"HTTPS_PROXY": "http://127.0.0.1:1"})
    assert found == [{"kind": "A"}, {"kind": "B"}]
    assert program.arguments[:5] == ["template", "web", "ingress", "--repo", "https://charts.example.com"]
    assert program.arguments[5:9] == ["--version", "1.2.3", "--namespace", "edge"]
    assert {"--include-crds", "--skip-tests"} <= set(program.arguments)
    assert program.values(1) == {"password": "canary"}
    assert "canary" not in " ".join(program.arguments)
    assert program.environment["HTTPS_PROXY"] == "http://127.0.0.1:1"
    assert not Path(program.environment["HELM_CACHE_HOME"]).exists()


@pytest.mark.parametrize("repository", ["registry.example.com/team/", "oci://registry.example.com/team"])
def test_a_chart_of_a_registry(program: Program, repository: str) -> None:
    helm_template(program.path, Chart(repository, "x", "1.0.0"), Release("r", "n", include_crds=False), {})
    assert program.arguments[2] == "oci://registry.example.com/team/x"
    assert "--skip-crds" in program.arguments


def test_parameters(program: Program) -> None:
    given = (Parameter("a.b", "1,2"), Parameter("c", "true", string=True), Parameter("d", "{x,y}"))
    release = Release("r", "n", parameters=given, api_versions=("monitoring.coreos.com/v1",))
    helm_template(program.path, CHART, release, {})
    pairs = list(zip(program.arguments, program.arguments[1:], strict=False))
    assert ("--set", r"a.b=1\,2") in pairs
    assert ("--set-string", "c=true") in pairs
    assert ("--set", "d={x,y}") in pairs
    assert ("--api-versions", "monitoring.coreos.com/v1") in pairs


def test_helms_own_words_and_a_command_to_type(program: Program) -> None:
    program.says("", 1, "Error: chart not found")
    with pytest.raises(ToolError) as caught:
        helm_template(program.path, CHART, Release("web", "edge", values=({"password": "canary"},)), {})
    assert "chart ingress 1.2.3 of https://charts.example.com" in caught.value.what
    assert caught.value.why == "Error: chart not found"
    assert "program template web ingress --repo https://charts.example.com" in caught.value.cure
    assert "values-" not in caught.value.cure


def test_kustomize(program: Program, tmp_path: Path) -> None:
    assert kustomize_build(program.path, tmp_path / "a b", {"X": "y"}) == [{"kind": "A"}, {"kind": "B"}]
    assert program.arguments == ["build", str(tmp_path / "a b")]
    assert program.environment["X"] == "y"


def test_no_yaml_no_program_no_answer(program: Program, tmp_path: Path) -> None:
    program.says("a: [")
    with pytest.raises(ToolError, match="is no YAML"):
        kustomize_build(program.path, tmp_path, {})
    with pytest.raises(ToolError, match="was not found"):
        kustomize_build(tmp_path / "missing", tmp_path, {})
    program.path.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ToolError, match="no answer within 0 s"):
        kustomize_build(program.path, tmp_path, {}, timeout=0.01)
