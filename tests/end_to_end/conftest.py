"""One local platform for the whole folder: the tests here run in the order of a user's day."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bootstrap.local.toolchain import Toolchain
from tests.end_to_end.product import REPOSITORY, Product, clone

# Made anew: fixed ones would be found in this file's own copies.
CANARY, FILE_CANARY, KEY_CANARY = (f"canary-{kind}-{uuid4()}" for kind in ("env", "file", "key"))


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The built toolchain (`make test` has built it before)."""
    found = Toolchain.locate(REPOSITORY)
    assert not found.missing(), "build it first: make toolchain"
    return found


@pytest.fixture(scope="session")
def product(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A clone in a path with spaces, a home that cannot be written, a planted secret, a changed manifest."""
    folder = tmp_path_factory.mktemp("a path with spaces") / "my clone"
    environ = {
        "HOME": "/proc/1/no-such-home",  # not writable, not even for root
        "XDG_CACHE_HOME": "",
        "BOOTSTRAP_CACHE": str(toolchain.cache),
        "PYTHONPATH": str(REPOSITORY),
        "AWS_PROFILE": "somebody-elses-profile",
        "KUBECONFIG": str(folder / "somebody-elses-kubeconfig"),
        "BOOTSTRAP_TEST_CANARY": CANARY,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",  # of nobody; what matters is that its secret stays one
        "AWS_SECRET_ACCESS_KEY": KEY_CANARY,
    }
    clone(folder)
    (folder.parent / "canary").write_text(FILE_CANARY + "\n")
    Path(environ["KUBECONFIG"]).write_text("not to be touched\n")
    _plant(folder)
    made = Product(folder, environ)
    yield made
    if os.environ.get("BOOTSTRAP_KEEP") != "1":
        made.run("down", "--yes")


def _plant(folder: Path) -> None:
    """Supplied secrets of every kind, and a manifest change nobody has committed."""
    config = folder / "bootstrap.yaml"
    text = config.read_text()
    marker = "    seeds:\n"
    assert marker in text
    seeds = (
        "      - {name: test/canary, from_env: BOOTSTRAP_TEST_CANARY}\n"
        "      - {name: test/file, from_file: ../canary}\n"
        "      - {name: test/both, template: 'a {seed:test/canary} b {seed:test/file}'}\n"
    )
    config.write_text(text.replace(marker, marker + seeds, 1))
    namespaces = next((folder / "manifests").rglob("kustomization.yaml"))
    namespaces.write_text(namespaces.read_text() + "# rehearsed, not committed\n")
