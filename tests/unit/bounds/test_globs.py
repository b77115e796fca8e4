"""Globs: what they match, in each dialect, and that none takes the powers of a text's length."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.globs import Dialect, folder_glob, glob

GIT, FOLDER = Dialect(), Dialect(separator="/")
GOBWAS = Dialect(separator="/", double=True, carets=False, loose=False)


@pytest.mark.parametrize(
    ("dialect", "pattern", "text", "hit"),
    [
        (GIT, "*", "a/b", True),
        (FOLDER, "*", "a/b", False),
        (FOLDER, "a?c", "abc", True),
        (FOLDER, "a?c", "a/c", False),
        (GOBWAS, "a/**/c", "a/b/b/c", True),
        (GOBWAS, "a/*/c", "a/b/b/c", False),
        (GIT, "{a,b{c,d}}*.yaml", "bdx.yaml", True),
        (GIT, "{a,b{c,d}}*.yaml", "bx.yaml", False),
        (GIT, "{a,}b", "b", True),
        (GIT, "[a-c]x[!0-9]", "bxz", True),
        (GIT, "[a-c]x[!0-9]", "bx1", False),
        (GIT, "[^a]", "b", True),
        (GOBWAS, "[^a]", "^", True),
        (GIT, "[]a]", "]", True),
        (GIT, "[-a]", "-", True),
        (GIT, "[ab", "[ab", True),
        (GIT, r"\*a", "*a", True),
        (GIT, r"\*a", "xa", False),
        (GIT, "a}", "a}", True),
        (GIT, "a,b", "a,b", True),
        (GIT, "", "", True),
        (GIT, "", "a", False),
        (GIT, "a\nb*", "a\nb\n", True),
    ],
)
def test_a_pattern(dialect: Dialect, pattern: str, text: str, hit: bool) -> None:
    assert glob(pattern, dialect).fullmatch(text) is hit


@pytest.mark.parametrize(
    ("pattern", "path", "hit"),
    [
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/b/d", False),
        ("**/c", "c", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/*", "a/b/c", False),
        ("**", "a/b", True),
        ("*/b*", "a/bc", True),
    ],
)
def test_a_path_pattern(pattern: str, path: str, hit: bool) -> None:
    assert folder_glob(pattern, FOLDER).fullmatch(path) is hit


@pytest.mark.parametrize(
    ("dialect", "pattern"),
    [(GIT, "{a"), (GIT, "[z-a]"), (GIT, "x" * 1001), (GOBWAS, "a}"), (GOBWAS, "[!]"), (GIT, "{" * 500)],
)
def test_a_broken_pattern(dialect: Dialect, pattern: str) -> None:
    with pytest.raises(ValueError):
        glob(pattern, dialect)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 30 + "b", "{a,aa}" * 60 + "b", "*" * 200 + "b", "{*a,*aa,*}" * 40 + "b", "**/" * 100 + "b"],
)
def test_a_pattern_that_a_regular_expression_would_try_for_ever(pattern: str) -> None:
    for dialect in (GIT, FOLDER, GOBWAS):
        assert not glob(pattern, dialect).fullmatch("a" * 5_000)
    assert not folder_glob(pattern, FOLDER).fullmatch("a/" * 2_000 + "a")


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_plain_patterns_match_as_regular_expressions_do(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text) is not None
    assert glob(pattern, GIT).fullmatch(text) is expected
