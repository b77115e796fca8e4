"""What the programs are asked, and what becomes of their answers. The real ones run in tests/platform."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.kubernetes.render import kustomize_build


class Program:
    """A shell script in place of helm or kustomize that notes its arguments and environment."""

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


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path).says("kind: A\n---\n# only a comment\n---\nkind: List\nitems: [{kind: B}]\n")


def test_kustomize(program: Program, tmp_path: Path) -> None:
    assert kustomize_build(program.path, tmp_path / "a b", {"X": "y"}) == [{"kind": "A"}, {"kind": "B"}]
    assert program.arguments == ["build", str(tmp_path / "a b")]
    assert program.environment["X"] == "y"


def test_its_own_words_and_a_command_to_type(program: Program, tmp_path: Path) -> None:
    program.says("", 1, "Error: no such resource")
    with pytest.raises(ToolError) as caught:
        kustomize_build(program.path, tmp_path, {})
    assert caught.value.why == "Error: no such resource"
    assert f"program build {tmp_path}" in caught.value.cure


def test_no_yaml_no_program_no_answer(program: Program, tmp_path: Path) -> None:
    program.says("a: [")
    with pytest.raises(ToolError, match="is no YAML"):
        kustomize_build(program.path, tmp_path, {})
    with pytest.raises(ToolError, match="was not found"):
        kustomize_build(tmp_path / "missing", tmp_path, {})
    program.path.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ToolError, match="no answer within 0 s"):
        kustomize_build(program.path, tmp_path, {}, timeout=0.01)
