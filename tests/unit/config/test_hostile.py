"""Whatever stands in the file ends in a list of problems with their lines, quickly, and never as a defect."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.config.load import LARGEST, load
from bootstrap.config.tree import DEEPEST, MOST_VALUES, parse
from bootstrap.core.errors import ConfigError
from tests.unit.config.test_load import GOOD, Write, line_of, problems, write

__all__ = ["write"]

HUGE = "9" * 400
WITHIN = (
    "12",
    "'a b'",
    "[]",
    "{}",
    "null",
    "true",
    ".inf",
    ".nan",
    "0x1F",
    "1_0",
    "12:30",
    "2024-02-30",
    HUGE,
)
TAGGED = (
    *('!!int ""', '!!int "x"', "!!bool x", '!!bool "~"', "!!timestamp x", '!!timestamp "1_0"', '!!float ""'),
    *('!!binary "é"', "!!null x", "!!set {a}", "!!omap [a]", "!!python/object:os.system x", "!x y"),
)
BYTES = (r'"a\0b"', r'"\ud800"', r'"\e[31mred"', r'"\x85"')
PATHS = ("~nosuchuser/x", "x" * 300, "a/" * 3000, *BYTES)


@pytest.mark.parametrize("value", [*TAGGED, *BYTES])
def test_a_scalar_that_cannot_be_read_is_named_with_its_line(value: str, write: Write) -> None:
    text = GOOD.replace("kubernetes_version: 1.30", f"kubernetes_version: {value}")
    (found, *_) = problems(write(text))
    assert found.where == f"bootstrap.yaml:{line_of(text, 'kubernetes_version')}"


@pytest.mark.parametrize("value", PATHS)
@pytest.mark.parametrize(
    ("key", "old"),
    [
        ("terraform.folder", "folder: terraform"),
        ("gitops.checkout", "checkout: ."),
        ("gitops.path", "path: manifests/clusters/dev/apps"),
        ("gitops.install", "install: manifests/argocd"),
    ],
)
def test_a_path_that_no_system_can_look_up(key: str, old: str, value: str, write: Write) -> None:
    text = GOOD.replace(old, f"{key.rpartition('.')[2]}: {value}")
    where = f"bootstrap.yaml:{line_of(text, value)}"
    assert where in {problem.where for problem in problems(write(text))}


def test_names_in_paths_that_are_too_long_for_a_folder(write: Write) -> None:
    text = GOOD.replace("folder: terraform", f"folder: terraform\n      stack: {'a/' * 3000}")
    text = text.replace("    seeds:", f"    eso: {{application: {'x' * 300}}}\n    seeds:")
    assert {problem.key for problem in problems(write(text))} == {"terraform.stack", "eso.application"}


@pytest.mark.parametrize("old", ["volume_gb: 20", "deadline: 300", "{20: 600}", "length: 24", "stack: dev"])
def test_numbers_of_400_digits(old: str, write: Write) -> None:
    text = GOOD.replace("folder: terraform", "folder: terraform\n      stack: dev")
    key = old.strip("{}").partition(":")[0]
    text = text.replace(old, f"{{{key}: {HUGE}}}" if old[0] == "{" else f"{key}: {HUGE}", 1)
    (found,) = problems(write(text))
    assert found.where == f"bootstrap.yaml:{line_of(text, HUGE)}"


def test_a_wave_of_400_digits(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("{20: 600}", f"{{{HUGE}: 600}}")))
    assert found.kind == "value"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "a: [" + "[" * DEEPEST])
def test_nesting_ends_at_once(text: str) -> None:
    tree, found = parse(text, "f.yaml")
    assert (tree, [problem.where for problem in found]) == (None, ["f.yaml:1"])


def test_aliases_that_explode() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    tree, found = parse(f"l0: &l0 x\n{levels}\n", "f.yaml")
    assert tree is None
    assert str(MOST_VALUES) in found[0].what


def test_a_file_without_end(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text("# x\n" * LARGEST)
    for path in (Path("/dev/zero"), tmp_path / "large.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(path, "dev")
        assert caught.value.problems[0].cure


def test_a_seed_without_end(write: Write) -> None:
    text = GOOD.replace("generate: {length: 24}", "from_file: /dev/zero")
    found = problems(write(text))
    assert found[0].where == f"bootstrap.yaml:{line_of(text, 'database/auth')}"
    assert {problem.kind for problem in found} == {"file"}


def test_a_long_chain_of_environments(write: Write) -> None:
    chain = "".join(f"  e{n}: {{extends: e{n + 1}}}\n" for n in range(3000))
    (found,) = problems(write(f"project: x\nenvironments:\n{chain}"), "e0")
    assert found.key == "environments.e2999.extends"


LINES = GOOD.splitlines()
CHOICES = st.sampled_from([*WITHIN, *TAGGED, *PATHS, "[a, b]", "{a: b}", "-1", "a", "{20: x}", "[[[]]]"])


@given(line=st.integers(0, len(LINES) - 1), value=CHOICES | st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_value_at_any_place(line: int, value: str, write: Write) -> None:
    head, colon, _ = LINES[line].partition(": ")
    text = "\n".join([*LINES[:line], f"{head}{colon or ' '}{value}", *LINES[line + 1 :]])
    try:
        load(write(text), "dev")
    except ConfigError as error:
        assert all(problem.where.startswith("bootstrap.yaml:") for problem in error.problems)
