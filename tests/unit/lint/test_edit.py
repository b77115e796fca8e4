"""Edits of YAML as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.documents import documents
from bootstrap.lint.edit import CannotEdit, scalars, set_wave, splice

W = "argocd.argoproj.io/sync-wave"
HEAD = "kind: Application\n"


@pytest.mark.parametrize(
    "before",
    [
        f'metadata:\n  name: a # it\n  annotations:\n    {W}: "5" # why\n    x: y\n',
        f"metadata: {{name: a, annotations: {{{W}: '5'}}}}\n",
        f"metadata:\n  annotations: {{{W}: 5}}\n  name: a\n",
        f'metadata:\r\n  name: a\r\n  annotations:\r\n    {W}: "5"\r\n',
        f'# ü 한\nmetadata:\n  name: a\n  annotations:\n    "{W}":   "5"',
    ],
)
def test_only_the_number_changes(before: str) -> None:
    assert set_wave(HEAD + before, "Application", "a", 5, 12) == HEAD + before.replace("5", "12")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "metadata:\n  name: a # it\n  namespace: argocd\nspec: {}\n",
            f'metadata:\n  name: a # it\n  annotations:\n    {W}: "3"\n  namespace: argocd\nspec: {{}}\n',
        ),
        (
            "metadata:\n    annotations:\n        x: y\n    name: a\n",
            f'metadata:\n    annotations:\n        {W}: "3"\n        x: y\n    name: a\n',
        ),
        ("metadata: {name: a}\n", f'metadata: {{annotations: {{{W}: "3"}}, name: a}}\n'),
        ("metadata: {name: a, annotations: {}}\n", f'metadata: {{name: a, annotations: {{{W}: "3"}}}}\n'),
        (
            "metadata:\n  annotations: # none\n  name: a\n",
            f'metadata:\n  annotations: {{{W}: "3"}} # none\n  name: a\n',
        ),
        ("metadata:\n  name: a", f'metadata:\n  name: a\n  annotations:\n    {W}: "3"\n'),
    ],
)
def test_a_number_is_added(before: str, after: str) -> None:
    assert set_wave(HEAD + before, "Application", "a", 0, 3) == HEAD + after


def test_the_right_document_is_edited() -> None:
    one = f'kind: {{}}\nmetadata:\n  name: {{}}\n  annotations:\n    {W}: "5"\n'.replace("{}", "%s")
    text = "---\n# empty\n---\n" + "---\n".join(
        one % each for each in (("ApplicationSet", "a"), ("Application", "b"), ("Application", "a"))
    )
    changed = set_wave(text, "Application", "a", 5, 6)
    assert changed == text[: text.rindex('"5"')] + '"6"\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: Application\nmetadata: {name: {{ .name }}}\n", "plain YAML"),
        ("kind: [", "plain YAML"),
        ("kind: Application\nmetadata: {name: b}\n", "no document"),
        (f"---\n{HEAD}metadata: {{name: a}}\n" * 2, "more than one document"),
        (f"kind: Application\nmetadata: {{name: a, annotations: {{{W}: '7'}}}}\n", "the file says wave 7"),
        (f"x: &w '5'\nkind: Application\nmetadata: {{name: a, annotations: {{{W}: *w}}}}\n", "alias"),
        (f"x: &w {{{W}: '5'}}\nkind: Application\nmetadata: {{name: a, annotations: *w}}\n", "alias"),
        (f"x: &w {{{W}: '5'}}\nkind: Application\nmetadata: {{name: a, annotations: {{<<: *w}}}}\n", "merge"),
        (f"kind: Application\nmetadata: {{name: a, annotations: {{{W}: &w '5'}}}}\nx: *w\n", "only people"),
        (f"kind: Application\nmetadata:\n  name: a\n  annotations:\n    {W}: >-\n      5\n", "only people"),
    ],
)
def test_what_cannot_be_edited_is_said(text: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        set_wave(text, "Application", "a", 5, 6)


KEYS = st.sampled_from(["a: b", "x.io/y: 'z: #'", 'q: "1"', "n: 5"])


@given(
    st.lists(KEYS, unique=True, max_size=3),
    st.lists(KEYS, unique=True, max_size=3),
    st.sampled_from(["", "'", '"']),
    st.integers(-(10**6), 10**6),
    st.integers(-(10**6), 10**6),
)
def test_the_way_back_restores_every_character(
    above: list[str], below: list[str], quote: str, old: int, new: int
) -> None:
    below = [line for line in below if line not in above]
    lines = [*above, f"{W}: {quote}{old}{quote}  # kept", *below]
    text = "kind: Application\nmetadata:\n  name: a\n  annotations:\n" + "".join(
        f"    {line}\n" for line in lines
    )
    changed = set_wave(text, "Application", "a", old, new)
    (data,) = documents(changed)
    assert int(data["metadata"]["annotations"][W]) == new
    assert set_wave(changed, "Application", "a", new, old) == text


def test_scalars_are_found_with_their_way() -> None:
    text = "a:\n  10: {b: [x, 'y']}\n"
    found = [(path, node.value, key) for path, node, key in scalars(text)]
    assert (("a", "10"), "10", True) in found
    assert (("a", "10", "b"), "y", False) in found
    y = next(node for _, node, _ in scalars(text) if node.value == "y")
    start, end, instead = splice(text, y, "z")
    assert text[:start] + instead + text[end:] == "a:\n  10: {b: [x, 'z']}\n"
