from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.model import Generate
from bootstrap.config.passwords import ALPHABETS, CLASSES, FEWEST_BITS, bits, generate, problem

POLICIES = st.builds(
    Generate,
    length=st.integers(8, 80),
    alphabet=st.sampled_from(sorted(ALPHABETS)),
    exclude=st.text("0O1lI-_.+abcdef", max_size=6),
    require=st.lists(st.sampled_from(sorted(CLASSES)), unique=True).map(tuple),
)


@given(policy=POLICIES)
def test_a_password_keeps_its_policy_or_the_policy_is_refused(policy: Generate) -> None:
    if problem(policy):
        return
    password = generate(policy)
    assert len(password) == policy.length
    assert set(password) <= set("".join(ALPHABETS[policy.alphabet])) - set(policy.exclude)
    assert all(set(password) & set(CLASSES[name]) for name in policy.require)
    if not policy.require and not policy.exclude:
        assert all(set(password) & set(each) for each in ALPHABETS[policy.alphabet])


def test_no_two_passwords_are_alike() -> None:
    assert len({generate(Generate()) for _ in range(500)}) == 500


def test_an_unknown_alphabet_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        generate(Generate(8, "emoji"))


def test_entropy_is_the_number_of_passwords_that_keep_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against counting them one by one, in a small alphabet."""
    monkeypatch.setitem(ALPHABETS, "tiny", ("abc", "XY", "1"))
    counted = [
        word
        for word in product("abcXY1", repeat=5)
        if set(word) & set("abc") and set(word) & set("XY") and "1" in word
    ]
    assert bits(Generate(5, "tiny")) == pytest.approx(log2(len(counted)))
    assert bits(Generate(2, "tiny")) == 0.0


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Generate(8), "bits of entropy"),
        (Generate(15, "hex"), f"60 bits of entropy, at least {FEWEST_BITS}"),
        (Generate(32, "hex", exclude="0123456789abcdef"), "0 bits"),
        (Generate(32, require=("symbol",)), "requires a symbol"),
        (Generate(32, require=("digit",), exclude="0123456789"), "requires a digit"),
        (Generate(32, require=("vowel",)), "'vowel' is not known"),
    ],
)
def test_what_is_refused(policy: Generate, said: str) -> None:
    found = problem(policy)
    assert found is not None
    what, cure = found
    assert said in what
    assert cure


def test_the_default_is_far_above_the_least() -> None:
    assert problem(Generate()) is None
    assert bits(Generate()) > 180


def test_what_no_password_can_keep_ends_instead_of_trying_for_ever() -> None:
    with pytest.raises(ValueError, match="policy"):
        generate(Generate(2, require=("lower", "upper", "digit")))


def test_only_the_systems_randomness_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def choice(letters: str) -> str:
        asked.append(letters)
        return letters[len(asked) % len(letters)]

    monkeypatch.setattr("bootstrap.config.passwords.secrets.choice", choice)
    assert len(generate(replace(Generate(), length=40))) == 40
    assert len(asked) >= 40
