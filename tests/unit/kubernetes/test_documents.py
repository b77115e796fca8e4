from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.limits import YAML_BYTES, YAML_LEVELS
from bootstrap.kubernetes.documents import TooMuch, documents, located, manifests


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
        with pytest.raises(TooMuch):
            list(documents(text))
    shared = {"x": [1, 2]}
    assert list(documents("a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a}\n")) == [
        {"a": shared, "b": shared, "c": shared}
    ]


MERGES = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 12))


@pytest.mark.parametrize(
    "text",
    [
        "[" * (YAML_LEVELS + 1) + "]" * (YAML_LEVELS + 1),
        "[" * 2_000 + "]" * 2_000,
        *("[" * 200_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "[{a: " * 50_000),
        "".join(" " * n + "a:\n" for n in range(2_000)),
        "".join(" " * n + "a:\n" + " " * n + "- b: 1\n" + " " * n + "  c:\n" for n in range(0, 400, 2)),
        "a0: &a0 {x: 1}\n" + MERGES,
        "a: &a {<<: *a, b: 1}",
        '- &x [1]\n- &y {"a":*x}\n' + "- " + "[*y, " * 120 + "]" * 120,
        "[" + "a," * 21_000 + "]",
        "- a\n" * 21_000,
        "a" * (YAML_BYTES + 1),
        "".join(f"%TAG !e{n}! tag:x{n}\n" for n in range(200)) + "--- a",
        ("[" * 5_100 + "]" * 5_100).encode("utf-16"),
    ],
)
def test_what_is_past_a_limit(text: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.kubernetes.documents.YAML_VALUES", 20_000)  # a million takes seconds
    with pytest.raises(TooMuch):
        list(documents(text))


def test_what_is_within_the_limits() -> None:
    deep = "[" * YAML_LEVELS + "]" * YAML_LEVELS
    many = "a: '" + "[{" * 10_000 + "'\n---\n" + "[" + "[]," * 6_000 + "]"
    assert len(list(documents(f"{deep}\n---\n{many}"))) == 3


@pytest.mark.parametrize(
    "text",
    [
        *(
            '!!int ""',
            "!!int x",
            "!!bool x",
            '!!bool ""',
            '!!float ""',
            "!!float x",
            '!!binary "é"',
            "!x y",
            "0x_",
        ),
        *(
            "!!str {=: 1}",
            "&a !!str {=: *a}",
            "!!int [1]",
            "!!map x",
            "!!seq {a: 1}",
            "!!set [a]",
            "!!omap {a: 1}",
        ),
        *("{[a]: b}", "? {a: b}\n: c", "? [[[[a]]]]\n: b", "{~: a}", "<<: 1", "<<: [1]", "<<: [[{a: 1}]]"),
        *(
            ".inf",
            "-.inf",
            ".nan",
            "!!float .inf",
            "\0",
            "\ud800",
            "a: *nowhere",
            "!!python/object:os.system x",
        ),
        "&a [1]: b",
    ],
)
def test_what_the_api_servers_parser_does_not_take(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        list(documents(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9" * 400, "9" * 400),
        ("9" * 5_000, "9" * 5_000),
        ("9" * 30, float("9" * 30)),
        (str((1 << 64) - 1), (1 << 64) - 1),
        ("0x" + "f" * 4_000, "0x" + "f" * 4_000),
        ("1e999", "1e999"),
        ("-0644", -420),
        ("0o17", 15),
        ("!!timestamp 2024-02-30", "2024-02-30"),
        ("!!binary aGk=", "hi"),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("{1: a, true: b, 1.5: c, 'x': d}", {"1": "a", "true": "b", "1.5": "c", "x": "d"}),
        ("{<<: [{a: 1}, {a: 2, b: 2}], b: 3}", {"a": 1, "b": 3}),
        ("{'<<': 1}", {"<<": 1}),
        ("[&a {b: 1}, {<<: *a, c: 2}, *a]", [{"b": 1}, {"b": 1, "c": 2}, {"b": 1}]),
    ],
)
def test_every_value_is_one_of_json(text: str, value: object) -> None:
    assert list(documents(f"- {text}")) == [[value]]


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
