"""An environment laid upon those it extends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from bootstrap.config.places import Finding, Place
from bootstrap.config.problems import CONFLICT, TYPE, UNKNOWN
from bootstrap.config.tree import Branch, Scalar, Tree, merge
from bootstrap.core.suggest import suggest


def extended(environments: Branch, name: str) -> Branch | Finding:
    """The environment of that name with everything it takes over, or what is wrong on the way."""
    chain: dict[str, Branch] = {}
    place: Place = ("environments",)
    while True:
        tree = environments.items.get(name)
        if not isinstance(tree, Branch) or name in chain:
            return _wrong(name, environments.items, chain, place)
        chain[name] = tree
        place = ("environments", name, "extends")
        base = tree.items.get("extends")
        if base is None:
            return _without_extends(reduce(merge, reversed(chain.values())))
        if not isinstance(base, Scalar) or base.plain is None:
            return Finding(place, "'extends' must be the name of an environment", "write it like dev", TYPE)
        name = base.text


def _wrong(name: str, known: Mapping[str, Tree], chain: Mapping[str, Branch], place: Place) -> Finding:
    if name in chain:
        circle = " → ".join((*chain, name))
        return Finding(
            place, f"environments extend each other in a circle: {circle}", "break the circle", CONFLICT
        )
    if name in known:
        what = f"environment '{name}' must be a mapping, found {known[name].kind}"
        return Finding(("environments", name), what, f"write the keys of {name} below it", TYPE)
    cure = suggest(name, known) or f"environments of this file: {', '.join(known)}"
    said_in = f"extends of '{place[1]}': " if len(place) > 1 else ""
    return Finding(place, f"{said_in}there is no environment '{name}'", cure, UNKNOWN)


def _without_extends(tree: Branch) -> Branch:
    items = {key: item for key, item in tree.items.items() if key != "extends"}
    return Branch(tree.line, items, tree.key_lines)
