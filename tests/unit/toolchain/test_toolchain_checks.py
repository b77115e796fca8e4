"""What the doctor says of the toolchain."""

from __future__ import annotations

from pathlib import Path

from bootstrap.checks.doctor import examine
from bootstrap.local.toolchain import checks
from bootstrap.local.toolchain.locate import Toolchain
from bootstrap.local.toolchain.recipes import GoTool


def test_only_the_platform_of_the_wheels_will_do() -> None:
    assert checks.judge_machine("Linux", "x86_64").ok
    other = checks.judge_machine("Darwin", "arm64")
    assert not other.ok
    assert other.cure


def test_a_missing_part_is_told_but_no_fault(tmp_path: Path) -> None:
    tool = GoTool("one", "programs", "example.org/one", "helm.sh/helm/v4", (), 0, 0)
    toolchain = Toolchain(tmp_path, (tool,), {"terraform": Path("/usr/bin/terraform")})
    check = checks.judge_missing(toolchain)
    assert check.ok
    assert check.detail == "will be made by `bootstrap up`: one; terraform from /usr/bin/terraform"


def test_a_complete_toolchain_needs_no_go_and_no_space(tmp_path: Path) -> None:
    found = {check.name: check for check in examine(checks.probes(Toolchain(tmp_path, ())))}
    assert found["go"].detail == "not needed: the toolchain is complete"
    assert "0.0 GB needed" in found["toolchain disk"].detail
    assert all(check.ok for check in found.values())
