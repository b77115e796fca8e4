"""Checks of folders, disks and Git work trees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bootstrap.checks.model import Check, Probe
from bootstrap.core.git import Git


def writable(name: str, folder: Path) -> Probe:
    """`folder` can be written, or made."""

    def look() -> Check:
        there = nearest(folder)
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return Check(name, True, f"{folder} is writable")
        why = "is not writable" if there.is_dir() else "is a file, not a folder"
        return Check(name, False, f"{there} {why}", f"make it writable for user {os.geteuid()}")

    return Probe(name, look)


def disk(name: str, folder: Path, needed: int, cure: str = "") -> Probe:
    """At least `needed` bytes are free where `folder` lies or would lie."""

    def look() -> Check:
        return judge_disk(name, folder, shutil.disk_usage(nearest(folder)).free, needed, cure)

    return Probe(name, look)


def judge_disk(name: str, folder: Path, free: int, needed: int, cure: str = "") -> Check:
    detail = f"{free / 1e9:.1f} GB free at {folder}, {needed / 1e9:.1f} GB needed"
    ok = free >= needed
    return Check(name, ok, detail, "" if ok else cure or f"free space on the disk of {nearest(folder)}")


def nearest(folder: Path) -> Path:
    """`folder` itself or the nearest parent that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def git_work_tree(name: str, folder: Path) -> Probe:
    """`folder` lies in a Git work tree that has a commit."""

    def look() -> Check:
        if not folder.is_dir():
            return Check(
                name, False, f"{folder} does not exist", "name an existing folder in gitops.checkout"
            )
        if shutil.which("git") is None:
            return Check(name, False, f"{folder} cannot be looked at without git", "install Git")
        git = Git.work_tree(folder.absolute())
        if not git.find("rev-parse", "--show-toplevel"):
            return Check(name, False, f"{folder} is not in a Git repository", f"git -C '{folder}' init")
        commit = git.find("rev-parse", "--short", "HEAD").strip()
        if not commit:
            cure = f"git -C '{folder}' add -A && git -C '{folder}' commit -m 'First commit'"
            return Check(name, False, f"the repository of {folder} has no commit", cure)
        return Check(name, True, f"{folder} at commit {commit}")

    return Probe(name, look)
