"""`up` names every SSM key that AWS would refuse, all at once, before anything is touched, and no value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bootstrap import cli
from bootstrap.config import checks
from tests.unit.cli.fake_product import lay_out
from tests.unit.cli.product import run

LONG = "canary-" + "é" * 2045  # 4097 bytes, fewer characters
DEEP = "/".join("abcdefghijklmn")  # with /eco2/dev 16 levels


def up(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(home, "succeed", "up", "-e", "dev", *arguments, BOOTSTRAP_TEST_LONG=LONG)


SEEDS = f"""
      - {{name: good/one, generate: {{}}}}
      - {{name: too/long, from_env: BOOTSTRAP_TEST_LONG}}
      - {{name: too/long/file, from_file: long.txt}}
      - {{name: "with space/a b", generate: {{}}}}
      - {{name: {DEEP}, generate: {{}}}}
      - {{name: two//slashes, generate: {{}}}}
      - {{name: made/too-long, template: "{{seed:half}}{{seed:half}}"}}
      - {{name: half, generate: {{length: 2049}}}}
      - {{name: weak, generate: {{length: 8}}}}
      - {{name: {"x" * 900}, generate: {{}}}}
"""
REFUSED = {
    "too/long": "4097 bytes",
    "too/long/file": "4097 bytes",
    "with space/a b": "may hold letters, digits",
    DEEP: "more than 15 levels",
    "two//slashes": "may hold letters, digits",
    "made/too-long": "at least 4098 bytes",
    "weak": "bits of entropy",
    "x" * 900: "longer than 900 characters",
}


@pytest.mark.parametrize("output", ["text", "json"])
def test_all_bad_keys_are_named_with_place_and_reason_and_nothing_is_touched(
    tmp_path: Path, output: str
) -> None:
    config = lay_out(tmp_path / "p", SEEDS)
    (config.parent / "long.txt").write_text(LONG)
    done = up(config.parent, "--output", output)
    assert done.returncode == 2
    told = done.stdout + done.stderr
    said = json.loads(done.stdout)["problems"] if output == "json" else None
    for name, why in REFUSED.items():
        assert f"seed {name}: " in told
        assert why in told
        if said:
            (mine,) = (one for one in said if one["what"].startswith(f"seed {name}: "))
            assert mine["where"].startswith("bootstrap.yaml:")
            assert mine["cure"]
    assert "good/one" not in told
    assert "seed half" not in told
    assert "canary-" not in told
    assert "é" not in told
    assert not (config.parent / ".bootstrap").exists()


def test_more_parameters_than_an_account_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a smaller account: ten thousand take their time to read."""
    monkeypatch.setattr(checks, "MOST_PARAMETERS", 3)
    seeds = "".join(f"\n      - {{name: s{number}, generate: {{}}}}" for number in range(4))
    config = lay_out(tmp_path / "p", seeds)
    assert cli.call(["--config", str(config), "up", "-e", "dev", "--yes"]) == 2
    assert "4 seeds; an account holds 3 standard parameters" in capsys.readouterr().err
    assert not (tmp_path / "p" / ".bootstrap").exists()
