"""One YAML a kind and state in `health/`; its first line says what is to be found: `# Status: message`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.health import assess

FOLDER = Path(__file__).parent / "health"
FILES = sorted(FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER).with_suffix("")))
def test_health(file: Path) -> None:
    text = file.read_text()
    first = text.splitlines()[0].removeprefix("# ")
    status, _, message = first.partition(": ")
    (item,) = documents(text)
    found = assess(item)
    assert (str(found.status), found.message) == (status, message)


def test_there_is_a_healthy_and_an_unhealthy_state_of_every_kind() -> None:
    for folder in FOLDER.iterdir():
        states = {file.read_text().splitlines()[0].split(":")[0] for file in folder.iterdir()}
        assert "# Healthy" in states, folder
        assert len(states) > 1, folder
