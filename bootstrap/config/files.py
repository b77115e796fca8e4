"""Rules for what the configuration points at on this machine. They look; they change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bootstrap.config.model import Gitops, TerraformConfig
from bootstrap.config.parameters import LARGEST_FILE, name_problem
from bootstrap.config.passwords import generate
from bootstrap.config.places import Finding
from bootstrap.config.problems import FILE, ConfigProblem
from bootstrap.config.read import Reading
from bootstrap.config.seeds import FileTooLarge, Sources, source_problems
from bootstrap.core.foreign import TooLarge, read_bytes
from bootstrap.core.worktree import work_tree

_absent = partial(Finding, kind=FILE)


def terraform(read: Reading) -> Iterator[Finding]:
    """The root module is where the configuration says."""
    settings: TerraformConfig | None = read.values.get("terraform")
    if settings is None:
        return
    if not settings.folder.is_dir():
        what = f"there is no Terraform folder {settings.folder}"
        yield _absent(("terraform", "folder"), what, "correct terraform.folder")
    elif not any((settings.folder / settings.stack).glob("*.tf")):
        what = f"{settings.folder / settings.stack} holds no Terraform files"
        yield _absent(("terraform", "stack"), what, "name a folder with *.tf files in terraform.stack")


def gitops(read: Reading) -> Iterator[Finding]:
    """The checkout is inside a Git work tree that holds the folders named."""
    settings: Gitops | None = read.values.get("gitops")
    if settings is None:
        return
    checkout, place = settings.checkout, ("gitops", "checkout")
    root = work_tree(checkout)
    if not checkout.is_dir():
        yield _absent(place, f"there is no manifest folder {checkout}", "correct gitops.checkout")
    elif root is None:
        what = f"{checkout} is not inside a Git repository, and Argo CD reads from Git only"
        yield _absent(place, what, f"git -C '{checkout}' init, then commit the manifests")
    elif _applications(root, settings) is None:
        what = f"there is no manifest folder '{settings.path}' in the Git repository {root}"
        cure = "name a folder relative to the repository's root in gitops.path"
        yield _absent(("gitops", "path"), what, cure)
    if not (settings.install / "kustomization.yaml").is_file():
        what = f"there is no kustomization.yaml in {settings.install}"
        cure = "name the folder that installs Argo CD in gitops.install"
        yield _absent(("gitops", "install"), what, cure)


def seed_values(read: Reading, environ: Mapping[str, str]) -> Iterator[ConfigProblem]:
    """Every supplied value is there and fits into a parameter. Values are measured, never shown."""
    prefix = read.values.get("ssm_prefix", "")
    named = [seed for seed in read.values.get("seeds", ()) if not name_problem(f"{prefix}/{seed.name}")]
    for problem in source_problems(named, prefix, Sources(environ, read_value, generate)):
        yield ConfigProblem(problem.where, problem.what, problem.cure, "seeds", FILE)


def _applications(root: Path, settings: Gitops) -> Path | None:
    """The folder of `gitops.path`, if it is one inside the repository."""
    apps = root / settings.path
    return apps if apps.is_dir() and root in (apps.resolve(), *apps.resolve().parents) else None


def read_value(path: Path) -> str:
    """The text of a seed's file. Raises OSError, UnicodeError, and FileTooLarge without reading it all."""
    try:
        return read_bytes(path, LARGEST_FILE).decode("utf-8")
    except TooLarge as error:
        raise FileTooLarge(error.size, LARGEST_FILE) from error
