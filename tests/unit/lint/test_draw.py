"""Pictures: what is drawn, where, and that no text of a tree can break one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.errors import UsageError
from bootstrap.gitops.model import Manifest, Tree
from bootstrap.lint.draw import form_of, mermaid, svg
from bootstrap.lint.draw.layout import BOX_HEIGHT, GAP, lay_out
from bootstrap.lint.draw.model import Arrow, Box, Drawing, drawing
from bootstrap.lint.graph import Graph, Need, Topic
from bootstrap.lint.order import Before
from tests.conftest import Golden
from tests.unit.lint.trees import application, manifest, tree

SVG = "{http://www.w3.org/2000/svg}"


def platform(**waves: int) -> Tree:
    return tree({f"{name}.yaml": application(name, wave) for name, wave in waves.items()})


def need(user: str, *providers: str, wanted: str = "Namespace x") -> Need:
    kind, called = wanted.split()
    found = tuple(manifest(provider, kind, called) for provider in providers)
    return Need(Topic.NAMESPACE, manifest(user, "Deployment", "web", "x", "apps/v1"), wanted, "why", found)


def ends(found: Drawing) -> list[tuple[str, str, bool]]:
    return [(arrow.provider, arrow.user, arrow.broken) for arrow in found.arrows]


def test_what_follows_from_others_is_left_out() -> None:
    found = drawing(
        platform(a=0, b=1, c=2), Graph((need("b", "a"), need("c", "b"), need("c", "a"), need("c", "c")))
    )
    assert ends(found) == [("a", "b", False), ("b", "c", False)]
    assert found.left_out == 1
    assert found.waves == ("0", "1", "2")


def test_what_comes_too_late_is_broken_and_never_left_out() -> None:
    graph = Graph((need("a", "b"), need("b", "c"), need("a", "c"), need("d", "c")))
    found = drawing(platform(a=0, b=1, c=2, d=2), graph)
    assert ends(found) == [("b", "a", True), ("c", "a", True), ("c", "b", True), ("c", "d", False)]
    apart = drawing(platform(a=0, b=1, c=2, d=2), graph, [Before("c", "d")])
    assert ends(apart)[-1] == ("c", "d", True)


def test_one_of_several_providers_is_enough() -> None:
    found = drawing(platform(a=0, b=1, c=2), Graph((need("b", "a", "c"),)))
    assert ends(found) == [("a", "b", False)]


def test_what_a_set_makes_together_is_one_box() -> None:
    files = {"a.yaml": application("a", 0), "s.yaml": application("s", 5, "ApplicationSet")}
    graph = Graph((need("s-one", "a"), need("s-two", "a"), need("s-two", "s-one")))
    found = drawing(tree(files), graph, [Before("s-one", "s-two")])
    assert [(box.name, box.notes[0]) for box in found.boxes if box.row] == [("s", "s-one, s-two")]
    assert ends(found) == [("a", "s", False), ("s", "s", True)]


def test_what_is_installed_before_needs_no_arrow() -> None:
    installed: Manifest = replace(manifest("", "Namespace", "x"), app="")
    graph = Graph((replace(need("a", "b"), providers=(installed,)), replace(need("b"), providers=())))
    assert ends(drawing(platform(a=0, b=1), graph)) == []


def test_reasons_are_told_once_and_not_without_end() -> None:
    needs = [need("b", "a", wanted=f"Secret s{number}") for number in range(30)]
    (arrow,) = drawing(platform(a=0, b=1), Graph((*needs, *needs))).arrows
    assert arrow.reasons[0] == "Secret s0 for Deployment.apps x/web"
    assert arrow.reasons[-1] == "and 18 more"
    assert arrow.topics == ("namespace",)


SAMPLE = Drawing(
    (
        Box("dev-crds", 0, "0", ("6 objects", "apps/00.yaml:3")),
        Box('dev-"eso" <&>', 1, "10"),
        Box("dev-secrets", 1, "10"),
        Box("dev-apis", 2, "60/1"),
    ),
    (
        Arrow("dev-crds", 'dev-"eso" <&>', ("CustomResourceDefinition a<b>",), ("crd",)),
        Arrow("dev-crds", "dev-apis", ("Namespace x",), ("namespace",)),
        Arrow('dev-"eso" <&>', "dev-secrets", ("Store s", "Store t"), ("store", "secret"), True),
        Arrow("dev-apis", "dev-secrets", ("Secret s",), ("secret",), True),
    ),
    ("0", "10", "60/1"),
    3,
    "local: sync waves",
)


def test_svg(golden: Golden) -> None:
    golden("drawing.svg", svg.render(SAMPLE))


def test_mermaid(golden: Golden) -> None:
    golden("drawing.mmd", mermaid.render(SAMPLE))


def test_broken_arrows_are_marked() -> None:
    page = ET.fromstring(svg.render(SAMPLE))  # noqa: S314 - made here
    classes = [path.attrib["class"] for path in page.iter(f"{SVG}path") if "marker-end" in path.attrib]
    assert classes == ["arrow", "arrow", "arrow broken", "arrow broken"]
    # Three boxes on the first, unseen links; then the arrows by number.
    assert "linkStyle 4,5 " in mermaid.render(SAMPLE)


def test_a_picture_loads_nothing_and_knows_both_backgrounds() -> None:
    text = svg.render(SAMPLE)
    assert text.count("http") == 1, "its namespace alone"
    assert "prefers-color-scheme: dark" in text


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=7))
    names = draw(st.lists(st.text(max_size=12), min_size=sum(counts), max_size=sum(counts), unique=True))
    rows = [row for row, count in enumerate(counts) for _ in range(count)]
    boxes = tuple(Box(name, row, str(row)) for name, row in zip(names, rows, strict=True))
    pairs = [(one, other) for one in names for other in names if one != other]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12)) if pairs else []
    arrows = tuple(
        Arrow(one, other, (draw(st.text(max_size=9)),), (draw(st.text(max_size=9)),), draw(st.booleans()))
        for one, other in chosen
    )
    return Drawing(boxes, arrows, tuple(map(str, range(len(counts)))))


@given(drawings())
def test_boxes_keep_apart_and_arrows_start_and_end_at_them(found: Drawing) -> None:
    layout = lay_out(found)
    rows = defaultdict(list)
    for box in found.boxes:
        rows[box.row].append(layout.boxes[box.name])
    for positions in rows.values():
        assert len({position.y for position in positions}) == 1
        for left, right in pairwise(sorted(positions, key=lambda position: position.x)):
            assert right.x - right.width / 2 - left.x - left.width / 2 >= GAP - 0.01
    for position in layout.boxes.values():
        assert position.x - position.width / 2 >= -0.01
        assert position.x + position.width / 2 <= layout.width + 0.01
    for arrow, way in zip(found.arrows, layout.ways, strict=True):
        for name, (x, y) in ((arrow.provider, way[0]), (arrow.user, way[-1])):
            assert x == layout.boxes[name].x
            assert abs(y - layout.boxes[name].y) == BOX_HEIGHT / 2


@given(drawings())
def test_every_text_gives_a_whole_picture(found: Drawing) -> None:
    page = ET.fromstring(svg.render(found))  # noqa: S314 - made here
    assert len([one for one in page.iter(f"{SVG}g") if one.get("class") == "box"]) == len(found.boxes)
    text = mermaid.render(found)
    assert text.count(" ~~~ ") == len(found.waves) - 1
    assert text.count('"|') == len(found.arrows)


def test_files_are_drawn_by_their_suffix() -> None:
    assert form_of(Path("a.svg")) is svg.render
    assert form_of(Path("a.mmd")) is mermaid.render
    with pytest.raises(UsageError, match=r"a\.png"):
        form_of(Path("a.png"))
