"""Rules for what the configuration points at on this machine. They look; they change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bootstrap.aws.passwords import generate
from bootstrap.aws.seeds import Sources, source_problems
from bootstrap.aws.ssm import name_problem
from bootstrap.config.checks import Parts
from bootstrap.config.decode import Decoder
from bootstrap.config.model import Eso, Gitops, TerraformConfig
from bootstrap.core.errors import Problem


def terraform(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """The root module is where the configuration says."""
    settings: TerraformConfig | None = parts.get("terraform")
    if settings is None:
        return
    if not settings.folder.is_dir():
        where = decoder.where(settings, "folder")
        yield Problem(where, f"there is no Terraform folder {settings.folder}", "correct terraform.folder")
    elif not any((settings.folder / settings.stack).glob("*.tf")):
        where = decoder.where(settings, "stack")
        what = f"{settings.folder / settings.stack} holds no Terraform files"
        yield Problem(where, what, "name a folder with *.tf files in terraform.stack")


def gitops(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """The checkout is inside a Git work tree that holds the folders named."""
    settings: Gitops | None = parts.get("gitops")
    if settings is None:
        return
    checkout = settings.checkout
    root = work_tree(checkout)
    if not checkout.is_dir():
        where = decoder.where(settings, "checkout")
        yield Problem(where, f"there is no manifest folder {checkout}", "correct gitops.checkout")
    elif root is None:
        where = decoder.where(settings, "checkout")
        what = f"{checkout} is not inside a Git repository, and Argo CD reads from Git only"
        yield Problem(where, what, f"git -C '{checkout}' init, then commit the manifests")
    else:
        yield from _inside(root, settings, decoder)
    if not (settings.install / "kustomization.yaml").is_file():
        where = decoder.where(settings, "install")
        what = f"there is no kustomization.yaml in {settings.install}"
        yield Problem(where, what, "name the folder that installs Argo CD in gitops.install")


def eso(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """The Application that installs External Secrets Operator is there."""
    settings: Gitops | None = parts.get("gitops")
    root = work_tree(settings.checkout) if settings else None
    apps = _applications(root, settings) if settings and root else None
    if settings is None or apps is None:
        return  # `gitops` says so
    wanted = (parts.get("eso") or Eso()).application
    if not (apps / f"{wanted}.yaml").is_file():
        what = f"{apps} holds no {wanted}.yaml, the Application of External Secrets Operator"
        where = decoder.where(settings, "path")
        yield Problem(where, what, "name its file, without .yaml, in eso.application")


def seed_values(parts: Parts, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Every supplied value is there and fits into a parameter. Values are measured, never shown."""
    prefix = parts.get("ssm_prefix", "")
    named = [seed for seed in parts.get("seeds", ()) if not name_problem(f"{prefix}/{seed.name}")]
    yield from source_problems(named, prefix, Sources(environ, _read, generate))


def work_tree(folder: Path) -> Path | None:
    """The root of the Git work tree around a folder. (`.git` is a file in worktrees and submodules.)"""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def _inside(root: Path, settings: Gitops, decoder: Decoder) -> Iterator[Problem]:
    if _applications(root, settings) is None:
        yield Problem(
            decoder.where(settings, "path"),
            f"there is no manifest folder '{settings.path}' in the Git repository {root}",
            "name a folder relative to the repository's root in gitops.path",
        )


def _applications(root: Path, settings: Gitops) -> Path | None:
    """The folder of `gitops.path`, if it is one inside the repository."""
    apps = root / settings.path
    return apps if apps.is_dir() and root in (apps.resolve(), *apps.resolve().parents) else None


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
