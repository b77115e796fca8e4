"""What pip may install: pinned versions with their hashes, for every set that .ci/environment.py knows."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".ci" / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = {
    "aws": PROJECT["project"]["dependencies"],
    "local": [*PROJECT["project"]["dependencies"], *EXTRAS["local"]],
    "dev": [*PROJECT["project"]["dependencies"], *EXTRAS["local"], *EXTRAS["dev"]],
    "build": PROJECT["build-system"]["requires"],
    "lock": PROJECT["dependency-groups"]["lock"],
}


def pinned(name: str) -> dict[str, str]:
    """Package → version."""
    text = (ROOT / ".ci" / "requirements" / f"{name}.txt").read_text()
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


@pytest.fixture(scope="module")
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_sets", ROOT / ".ci" / "environment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_set_has_its_file(environment: ModuleType) -> None:
    assert {file.stem for file in FILES} == {*environment.SETS, environment.BUILD, "lock"} == set(ASKED)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_package_is_pinned_with_hashes(file: Path) -> None:
    entries = [line for line in file.read_text().replace("\\\n", "").splitlines() if not line.startswith("#")]
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; [^;]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry), entry


@pytest.mark.parametrize("name", sorted(ASKED))
def test_what_the_project_asks_for_is_pinned_to_a_version_it_allows(name: str) -> None:
    versions = pinned(name)
    for asked in map(Requirement, ASKED[name]):
        assert asked.specifier.contains(versions[canonicalize_name(asked.name)]), asked


def test_no_set_replaces_what_another_installed() -> None:
    for name in ASKED:
        assert all(
            version == pinned("dev").get(package, version) for package, version in pinned(name).items()
        )


def test_a_larger_set_contains_the_smaller_one() -> None:
    assert pinned("aws").items() <= pinned("local").items() <= pinned("dev").items()


def test_the_build_group_is_what_builds_the_package() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]


def test_pip_refuses_a_file_with_another_hash(tmp_path: Path) -> None:
    """As .ci/environment.py does, without an index: a wheel that is not the pinned one is not installed."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "pinned-1.0-py3-none-any.whl").write_bytes(b"something else")
    asked = tmp_path / "asked.txt"
    asked.write_text(f"pinned==1.0 --hash=sha256:{'0' * 64}\n")
    argv = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--require-hashes",
        "--dry-run",
        "--no-index",
    ]
    argv += ["--find-links", str(tmp_path / "wheels"), "--requirement", str(asked)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
