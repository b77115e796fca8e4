"""Whether something missing may be part of what could not be rendered. Pure.

A linter loses trust if it reports what a chart that is out of reach would have provided. Such needs are
reported as not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bootstrap.gitops.model import Blank, Location, Tree, Unchecked
from bootstrap.lint.graph import Need, Topic
from bootstrap.lint.rules.facts import thing

# What is certain whatever else there is: the object that should have it is known.
_CERTAIN = {
    *(Topic.CONFIG_MAP_KEY, Topic.SECRET_KEY, Topic.SERVICE_PORT, Topic.STORE_CONDITION),
    Topic.PARAMETER,
}
_SHOWN = 3  # names in a sentence


def possible(tree: Tree, topic: Topic, wanted: str) -> Sequence[Blank]:
    """Who may bring it; `wanted` as in Need. Namespaced objects come with what goes to their namespace, or
    to one that is not known."""
    if topic in _CERTAIN:
        return ()
    space, found, _ = wanted.rpartition(" ")[2].partition("/")
    return namespaced(tree, space) if found else [blank for blank in tree.blanks if blank.wide]


def namespaced(tree: Tree, space: str) -> Sequence[Blank]:
    """Who may bring an object to that namespace."""
    return [blank for blank in tree.blanks if blank.namespace in {"", space}]


def told(tree: Tree, needs: Iterable[Need]) -> Iterator[Unchecked]:
    """Each thing that is missing, and may come with what could not be rendered, once."""
    waiting: dict[str, list[Need]] = {}
    for need in needs:
        waiting.setdefault(need.wanted, []).append(need)
    for wanted, several in waiting.items():
        user, blanks = several[0].user, possible(tree, several[0].topic, wanted)
        yield perhaps(wanted, thing(user.item, user.namespace), len(several), user.where, blanks)


def perhaps(wanted: str, user: str, users: int, where: Location, blanks: Sequence[Blank]) -> Unchecked:
    """`user` is the first of so many `users`."""
    more = f" and {users - 1} more" if users > 1 else ""
    names = list(dict.fromkeys(blank.what for blank in blanks))
    told = " or ".join(names)
    if len(names) > _SHOWN:
        told = f"any of {len(names)} sources that are unavailable or failed to render"
    return Unchecked(
        f"{wanted}, for {user}{more}", f"nothing that was rendered provides it, but {told} may", where
    )
