"""A remote file with a checksum behind its URL: what is rendered, linted and applied is that or nothing."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.errors import PermanentError
from bootstrap.core.rendering import Outside, Rendering, Source
from bootstrap.gitops import checksums, fetch
from bootstrap.gitops.problems import Wrong
from bootstrap.gitops.reader import Reader
from tests import fakes, renderers
from tests import lint_tree as trees

URL = "https://raw.example.com/team/operator/v1.2.3/crds.yaml"
CONTENT = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pinned}\n"
RIGHT, OTHER = hashlib.sha256(CONTENT).hexdigest(), "0" * 64


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"- {URL} # sha256:{RIGHT}", RIGHT),
        (f"- {URL}   # v1.2.3 sha256:{RIGHT}", RIGHT),
        (f"- '{URL}' # sha256:{RIGHT}", RIGHT),
        (f'resources: ["{URL}"] # sha256:{RIGHT}', ""),
        (f"- {URL}", ""),
        (f"- {URL}#sha256:{RIGHT}", ""),
        (f"- {URL} # sha256:{RIGHT[:-1]}", ""),
        (f"- {URL}\n# sha256:{RIGHT}", ""),
        (f"- {URL}.old # sha256:{RIGHT}", ""),
    ],
)
def test_the_checksum_stands_in_a_comment_behind_the_url(line: str, found: str) -> None:
    assert checksums.pinned(line, URL) == found


def test_another_content_is_wrong_and_none_is_fine() -> None:
    checksums.verify(f"- {URL}", URL, CONTENT)
    checksums.verify(f"- {URL} # sha256:{RIGHT}", URL, CONTENT)
    with pytest.raises(Wrong) as caught:
        checksums.verify(f"- {URL} # sha256:{OTHER}", URL, CONTENT)
    assert RIGHT in caught.value.why and OTHER in caught.value.why


def reader(tmp_path: Path, checksum: str, origin: str = "upstream") -> Reader:
    """Of a tree whose Argo CD is that remote file."""
    root, programs = tmp_path / "tree", tmp_path / "programs"
    programs.mkdir(exist_ok=True)
    trees.write(root, {"argocd/kustomization.yaml": f"resources:\n  - {URL} # sha256:{checksum}\n"})
    plain = trees.configuration(root)
    config = replace(plain, gitops=replace(plain.gitops, install=root / "argocd"))
    outside = Outside(served=lambda: (Source(URL, "", origin),))
    target = fakes.target(tools=renderers.tools(programs))
    return replace(Reader.of(config, target), rendering=Rendering(lambda: nullcontext(outside)))


@pytest.fixture(autouse=True)
def upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "get", lambda url, environment: CONTENT)


def test_argo_cd_is_installed_from_the_pinned_file_only(tmp_path: Path) -> None:
    (found,) = reader(tmp_path, RIGHT).installation()
    assert found["metadata"]["name"] == "pinned"
    with pytest.raises(PermanentError, match="not the pinned"):
        reader(tmp_path, OTHER).installation()  # although it was fetched and kept before


def test_a_stand_in_is_not_compared(tmp_path: Path) -> None:
    """It is none of the real files, and every report says that it is a stand-in."""
    assert reader(tmp_path, OTHER, fetch.STAND_IN).installation()
