from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.documents import documents, located, manifests


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("0x1F", 31),
        ("0644", 420),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("yes", True),
        ("~", None),
        ("'5'", "5"),
        ("<<: {a: 1}\nb: 2", {"a": 1, "b": 2}),
    ],
)
def test_scalars_are_read_as_kubernetes_does(text: str, value: object) -> None:
    assert next(
        documents(f"- {text}" if "\n" not in text else f"-\n  {text.replace(chr(10), chr(10) + '  ')}")
    ) == [value]


def test_documents_are_located_and_empty_ones_left_out() -> None:
    assert list(located("# head\n---\na: 1\n---\n---\n\nb: 2\n")) == [(3, {"a": 1}), (7, {"b": 2})]


def test_lists_are_taken_apart() -> None:
    text = """
kind: List
items: [{kind: A}, {kind: B}]
---
kind: AllowList
spec: {}
---
kind: ConfigMapList
items:
---
just text
"""
    assert manifests(text) == [{"kind": "A"}, {"kind": "B"}, {"kind": "AllowList", "spec": {}}]


def test_aliases_that_explode_or_hold_themselves_are_refused() -> None:
    rows = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    for text in ("\n".join(rows), "metadata: &m {labels: *m}", "- &a\n  - *a\n"):
        with pytest.raises(yaml.YAMLError, match="excessive aliasing"):
            list(documents(text))
    shared = {"x": [1, 2]}
    assert list(documents("a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a}\n")) == [
        {"a": shared, "b": shared, "c": shared}
    ]


def test_broken_yaml_is_an_error() -> None:
    with pytest.raises(yaml.YAMLError):
        list(documents("a: [1"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="ascii"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-", min_size=1), inner, max_size=4)
    ),
)


@given(st.dictionaries(st.text("abc", min_size=1), json_values, max_size=4))
def test_json_is_read_as_json(value: dict[str, object]) -> None:
    assert next(documents(json.dumps(value))) == value
