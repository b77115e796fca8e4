from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.upstream.versions import Version, best, inside, is_exact, matches


@pytest.mark.parametrize(
    ("wanted", "yes", "no"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3"], ["1.2.4", "1.2.3-rc.1"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0", "1.3.0-beta"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "1.0.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]),
        ("~1", ["1.9.9"], ["2.0.0"]),
        ("1.2.x", ["1.2.0", "1.2.7"], ["1.3.0"]),
        ("1.*", ["1.0.0", "1.7.0"], ["2.0.0"]),
        ("*", ["0.0.1", "9.0.0"], ["1.0.0-alpha"]),
        ("", ["0.0.1"], ["1.0.0-alpha"]),
        (">=1.2.0 <2.0.0", ["1.2.0", "1.99.0"], ["2.0.0", "1.1.9"]),
        (">= 1.2.0, < 2.0.0", ["1.5.0"], ["2.0.0"]),
        ("1.2 - 1.4.5", ["1.2.0", "1.4.5"], ["1.4.6"]),
        ("<1 || >=3", ["0.5.0", "3.0.0"], ["2.0.0"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9"], ["1.3.0"]),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        (">=1.0.0-0", ["1.1.0-rc.1", "1.0.0"], ["0.9.0"]),
        ("nonsense", [], ["1.0.0"]),
    ],
)
def test_ranges(wanted: str, yes: list[str], no: list[str]) -> None:
    assert [version for version in yes if not matches(wanted, version)] == []
    assert [version for version in no if matches(wanted, version)] == []


def test_order_of_pre_releases() -> None:
    spelt = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1"]
    backwards = spelt[::-1]
    assert sorted(backwards, key=Version) == spelt


def test_best_is_the_highest_and_prefers_the_spelling_asked_for() -> None:
    assert best("1.x", ["1.2.0", "1.10.0", "2.0.0"]) == "1.10.0"
    assert best("v1.2.0", ["1.2.0", "v1.2.0"]) == "v1.2.0"
    assert best("3.x", ["1.0.0"]) is None


numbers = st.integers(0, 30)
version = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
partial = version.flatmap(lambda full: st.sampled_from([full, full.rpartition(".")[0], full.split(".")[0]]))
term = st.builds("{}{}".format, st.sampled_from(["^", "~", ">=", ">", "<=", "="]), partial)


@given(version)
def test_an_exact_version_is_itself(wanted: str) -> None:
    assert is_exact(wanted)
    assert inside(wanted) == wanted


@given(term)
def test_a_version_can_be_named_inside_every_range(wanted: str) -> None:
    found = inside(wanted)
    assert found is not None
    assert matches(wanted, found)


@given(version, version)
def test_the_order_is_that_of_the_numbers(one: str, other: str) -> None:
    def key(text: str) -> list[int]:
        return [int(part) for part in text.split(".")]

    assert (Version(one) < Version(other)) == (key(one) < key(other))
    assert matches(f"<{other}", one) == (key(one) < key(other))
