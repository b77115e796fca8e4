"""Tree, orders → edits that renumber waves: in the Applications, in their files' names, in what names those
files, and in the deadlines and hints of the configuration. Pure; `files.py` shows and writes them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from posixpath import basename, dirname, join, normpath, splitext

import yaml

from bootstrap.core.errors import LintError
from bootstrap.gitops.model import App, AppSet, Location, Tree
from bootstrap.kubernetes.argo import WAVE
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json, annotations_of, metadata, name
from bootstrap.lint.children import Child, Children, WaveAnnotation
from bootstrap.lint.edit import CannotEdit, Splice, apply, line_of, scalars, set_wave, splice
from bootstrap.lint.order import Before, Cycle, NoRoom, renumber

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")

_NUMBER = re.compile(r"-?\d+")
_NUMBERED = re.compile(r"(-?\d+)([-_.].*)", re.DOTALL)


@dataclass(frozen=True)
class Move:
    """A child's number, before and after."""

    child: Child
    old: int
    new: int
    where: Location


@dataclass(frozen=True)
class Change:
    """A file, before and after; `path` and `renamed` count from the repository's root."""

    path: str
    before: str
    after: str
    renamed: str


@dataclass(frozen=True)
class Fix:
    """What would change. `by_hand` says what else speaks of a number or name and is left to people."""

    moves: tuple[Move, ...] = ()
    changes: tuple[Change, ...] = ()
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """The configuration file: its path from the repository's root, its text, `gitops.path`, and what
    `eso.application` is, said there or not."""

    file: str
    text: str
    path: str
    eso: str = ""


def plan(
    tree: Tree, orders: Callable[[Tree], Iterable[Before[str]]], settings: Settings | None = None
) -> Fix:
    """What to change so that every order between Applications (by name) holds.

    What has to be in order depends on the order: a webhook is asked only by what comes after it. So `orders`
    is asked again for the tree as it would be, until nothing new comes up.
    Raises LintError when no numbers can do it: a cycle, or children whose numbers cannot be edited here.
    """
    children = Children(tree)
    fixed = _fixed(tree, children.annotations)
    wanted: dict[Before[Child], None] = {}
    moves: tuple[Move, ...] = ()
    while more := [one for one in children.lift(orders(moved(tree, children, moves))) if one not in wanted]:
        wanted.update(dict.fromkeys(more))
        moves = _moves(tree, children.annotations, wanted, fixed)
    return _Fixer(tree, children, moves, settings).fix()


def moved(tree: Tree, children: Children, moves: Iterable[Move]) -> Tree:
    """The tree as it would be with these numbers."""
    new = {move.child: move.new for move in moves}
    if not new:
        return tree
    named = {(child.kind, child.name): wave for child, wave in new.items()}

    def placed(position: tuple[int, ...], way: tuple[Child, ...]) -> tuple[int, ...]:
        changed = (new.get(child, wave) for child, wave in zip(way, position, strict=False))
        return (*changed, *position[len(way) :])

    def renumbered(item: Json) -> Json:
        wave = named.get((str(item.get("kind")), name(item)))
        if wave is None:
            return item
        notes = {**annotations_of(item), WAVE: str(wave)}
        return {**item, "metadata": {**metadata(item), "annotations": notes}}

    def of_app(app: App) -> App:
        manifests = tuple(replace(one, item=renumbered(one.item)) for one in app.manifests)
        position = placed(app.position, children.way(app.name))
        return replace(app, item=renumbered(app.item), position=position, manifests=manifests)

    def of_set(one: AppSet) -> AppSet:
        way = (*children.way(one.parent), Child("ApplicationSet", one.name, one.parent))
        return replace(one, item=renumbered(one.item), position=placed(one.position, way))

    apps = sorted(map(of_app, tree.apps), key=lambda app: (app.position, app.name))
    return replace(tree, apps=tuple(apps), sets=tuple(map(of_set, tree.sets)))


def _fixed(tree: Tree, annotations: Mapping[Child, WaveAnnotation]) -> dict[Child, str]:
    """The children whose numbers cannot be edited where they stand, and why: those that a chart renders."""
    found = {}
    standing = Counter(
        (annotation.where.file, child.kind, child.name) for child, annotation in annotations.items()
    )
    for child, annotation in annotations.items():
        try:
            if standing[annotation.where.file, child.kind, child.name] > 1:
                raise CannotEdit("more than one Application contains it")
            set_wave(_text(tree, annotation), child.kind, child.name, annotation.wave, annotation.wave)
        except CannotEdit as error:
            found[child] = str(error)
    return found


def _text(tree: Tree, annotation: WaveAnnotation) -> str:
    if annotation.where.file not in tree.files:
        raise CannotEdit("it is not in a file of the repository")
    return tree.files[annotation.where.file]


def _moves(
    tree: Tree,
    annotations: Mapping[Child, WaveAnnotation],
    orders: Iterable[Before[Child]],
    fixed: Mapping[Child, str],
) -> tuple[Move, ...]:
    waves = {child: annotation.wave for child, annotation in annotations.items()}
    try:
        moved = renumber(waves, orders, fixed.keys())
    except Cycle as error:
        chain = " → ".join(str(child) for child in error.units)
        raise LintError(
            "no wave numbers can satisfy these dependencies; nothing was changed",
            f"each of these needs the one before it: {chain}",
            "split one of them, so that what the others need is in an Application of its own",
        ) from error
    except NoRoom as error:
        made = {
            child: _made_at(tree, child, annotation.where)
            for child, annotation in annotations.items()
            if child in fixed
        }
        raise _by_hand(annotations, renumber(waves, orders), fixed, made) from error
    return tuple(
        Move(child, waves[child], wave, annotations[child].where) for child, wave in sorted(moved.items())
    )


def _by_hand(
    annotations: Mapping[Child, WaveAnnotation],
    moved: Mapping[Child, int],
    fixed: Mapping[Child, str],
    made: Mapping[Child, Location],
) -> LintError:
    lines = [
        f"{made.get(child, annotations[child].where)}: {child} from wave {annotations[child].wave} to {wave}"
        + (f" ({fixed[child]})" if child in fixed else "")
        for child, wave in sorted(moved.items())
    ]
    return LintError(
        "not all of these wave numbers can be edited automatically; nothing was changed",
        "\n".join(["these waves would have to change:", *(f"    {line}" for line in lines)]),
        "change them by hand at their source, and run `bootstrap lint` again",
    )


def _made_at(tree: Tree, child: Child, where: Location) -> Location:
    """Where a chart's values name what its template makes; else the line in the template."""
    chart, template, _ = where.file.partition("/templates/")
    for path, text in tree.files.items():
        if template and dirname(path) == chart and basename(path) != "Chart.yaml":
            with suppress(yaml.YAMLError):
                for _, node, _ in scalars(text):
                    if node.value == child.name:
                        return Location(path, line_of(node))
    return where


class _Fixer:
    """Moves → a Fix."""

    def __init__(
        self, tree: Tree, children: Children, moves: tuple[Move, ...], settings: Settings | None
    ) -> None:
        self._files, self._children, self._moves, self._settings = tree.files, children, moves, settings
        self._new = {move.child: move.new for move in moves}
        self._by_hand: list[str] = []

    def fix(self) -> Fix:
        texts = self._edited()
        names = dict(self._renamed())
        self._check(names)
        before = {**self._files, **({self._settings.file: self._settings.text} if self._settings else {})}
        for path, text in self._references(names, {**before, **texts}):
            texts[path] = text
        if self._settings:
            file = self._settings.file
            texts[file] = self._configured(self._settings, texts.get(file, before[file]), names)
        changes = (
            Change(path, before[path], texts.get(path, before[path]), names.get(path, path))
            for path in sorted({*texts, *names})
        )
        real = tuple(
            change for change in changes if change.before != change.after or change.path != change.renamed
        )
        self._by_hand += self._mentions(names, {change.path for change in real})
        return Fix(self._moves, real, tuple(dict.fromkeys(self._by_hand)))

    def _edited(self) -> dict[str, str]:
        texts: dict[str, str] = {}
        for move in self._moves:
            file = move.where.file
            text = texts.get(file, self._files[file])
            texts[file] = set_wave(text, move.child.kind, move.child.name, move.old, move.new)
        return texts

    def _renamed(self) -> Iterator[tuple[str, str]]:
        """Files whose leading number is the wave of everything in them."""
        inside: defaultdict[str, list[Child]] = defaultdict(list)
        for child, annotation in self._children.annotations.items():
            inside[annotation.where.file].append(child)
        for file in sorted({move.where.file for move in self._moves}):
            found = _NUMBERED.fullmatch(basename(file))
            old = {self._children.annotations[child].wave for child in inside[file]}
            new = {self._wave(child) for child in inside[file]}
            if not found or int(found[1]) not in old:
                continue
            if self._meant_by_default(splitext(basename(file))[0]):
                self._by_hand.append(f"{file} keeps its name: eso.application refers to it by default")
                continue
            if len(new) > 1:
                self._by_hand.append(
                    f"{file} now has the waves {', '.join(map(str, sorted(new)))}: rename or split it"
                )
                continue
            (wave,) = new
            width = len(found[1].lstrip("-"))
            yield file, join(dirname(file), f"{'-' if wave < 0 else ''}{abs(wave):0{width}d}{found[2]}")

    def _meant_by_default(self, stem: str) -> bool:
        """Whether the configuration relies on the file's name and has no line that could follow it."""
        if not self._settings or stem != self._settings.eso:
            return False
        said = {
            node.value for path, node, _ in scalars(self._settings.text) if path[2:] == ("eso", "application")
        }
        return stem not in said

    def _wave(self, child: Child) -> int:
        return self._new.get(child, self._children.annotations[child].wave)

    def _check(self, names: Mapping[str, str]) -> None:
        """A file that stays must not be written over, nor two be given one name."""
        taken: set[str] = set(self._files) - names.keys()
        for old, new in names.items():
            if new in taken:
                raise LintError(
                    f"{old} would be renamed to {new}, which exists; nothing was changed",
                    cure=f"rename {new} first",
                )
            taken.add(new)

    def _references(self, names: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Kustomizations that name a renamed file."""
        for path, text in texts.items():
            if basename(path) in KUSTOMIZATIONS and names:
                yield path, self._replaced(path, text, names)

    def _replaced(self, path: str, text: str, names: Mapping[str, str]) -> str:
        splices: list[Splice] = []
        try:
            for _, node, key in scalars(text):
                target = normpath(join(dirname(path), node.value)) if not key and node.value else ""
                if target in names:
                    named = node.value[: len(node.value) - len(basename(target))] + basename(names[target])
                    splices.append(splice(text, node, named))
        except (yaml.YAMLError, CannotEdit) as error:
            self._by_hand.append(f"{path} may refer to a renamed file: {error}")
            return text
        return apply(text, splices)

    def _configured(self, settings: Settings, text: str, names: Mapping[str, str]) -> str:
        """The configuration with its deadlines, hints and the Application of ESO in step."""
        mine = environments_of(text, settings.path)
        stems = {splitext(basename(old))[0]: splitext(basename(new))[0] for old, new in names.items()}
        waves: defaultdict[tuple[str, str], dict[int, yaml.ScalarNode]] = defaultdict(dict)
        splices: list[Splice] = []
        for path, node, key in scalars(text):
            match path:
                case ("environments", name, "eso", "application"):
                    if not key and name in mine and node.value in stems:
                        splices.append(splice(text, node, stems[node.value]))
                case ("environments", name, "waves", ("deadlines" | "hints") as what, wave):
                    if key and name in mine and _NUMBER.fullmatch(wave):
                        waves[name, what][int(wave)] = node
        for (name, part), nodes in waves.items():
            splices += self._rekeyed(text, nodes, f"{settings.file}:{{}}: waves.{part} of {name}")
        return apply(text, splices)

    def _rekeyed(self, text: str, nodes: Mapping[int, yaml.ScalarNode], label: str) -> Iterator[Splice]:
        """The keys of a mapping by wave, where a wave as a whole has another number now."""
        whole = dict(self._whole_waves())
        moved = {move.old for move in self._moves if self._children.top(move.child)}
        for wave, node in nodes.items():
            free = whole.get(wave) not in nodes.keys() - whole.keys()
            if wave in whole and free:
                yield splice(text, node, str(whole[wave]))
            elif wave in moved:
                self._by_hand.append(
                    f"{label.format(line_of(node))} refers to wave {wave}: {self._told(wave)}"
                )

    def _whole_waves(self) -> Iterator[tuple[int, int]]:
        """Waves whose Applications all moved to one number that no other Application has."""
        before: defaultdict[int, set[Child]] = defaultdict(set)
        after: defaultdict[int, set[Child]] = defaultdict(set)
        for child, annotation in self._children.annotations.items():
            if self._children.top(child):
                before[annotation.wave].add(child)
                after[self._wave(child)].add(child)
        for wave, members in before.items():
            new = self._wave(next(iter(members)))
            if new != wave and after[new] == members:
                yield wave, new

    def _told(self, wave: int) -> str:
        moved = (move for move in self._moves if move.old == wave)
        return ", ".join(f"{move.child.name} moves to {move.new}" for move in moved)

    def _mentions(self, names: Mapping[str, str], changed: set[str]) -> Iterator[str]:
        """Other files that name a renamed one: a README, a script, a glob."""
        for path, text in self._files.items():
            for old, new in names.items():
                if path not in changed and path != old and basename(old) in text:
                    line = text[: text.index(basename(old))].count("\n") + 1
                    yield f"{path}:{line} refers to {basename(old)}, which is renamed to {basename(new)}"


def environments_of(text: str, path: str) -> set[str]:
    """The environments of a configuration whose Applications lie in that folder, inherited or not."""
    given = next(documents(text)).get("environments") or {}
    return {name for name in given if _normal(_path_of(given, name)) == _normal(path)}


def _path_of(given: Mapping[str, dict[str, object]], name: object) -> str:
    seen: set[object] = set()
    while isinstance(name, str) and name in given and name not in seen:
        seen.add(name)
        one = given[name] or {}
        gitops = one.get("gitops")
        if isinstance(gitops, dict) and "path" in gitops:
            return str(gitops["path"])
        name = one.get("extends")
    return ""


def _normal(path: str) -> str:
    return str(PurePosixPath(normpath(path)))
