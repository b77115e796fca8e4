from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.aws.passwords import ALPHABETS, generate
from bootstrap.config.model import Generate


@given(length=st.integers(1, 200), alphabet=st.sampled_from(sorted(ALPHABETS)))
def test_a_password_keeps_its_policy(length: int, alphabet: str) -> None:
    password = generate(Generate(length, alphabet))
    classes = ALPHABETS[alphabet]
    assert len(password) == length
    assert set(password) <= set("".join(classes))
    if length >= len(classes):
        assert all(set(password) & set(each) for each in classes)


def test_no_two_passwords_are_alike() -> None:
    assert len({generate(Generate()) for _ in range(500)}) == 500


def test_an_unknown_alphabet_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        generate(Generate(8, "emoji"))
