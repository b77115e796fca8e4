"""Renumbering: the right files, the right characters, all or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.errors import LintError
from bootstrap.gitops.model import Location, Tree
from bootstrap.kubernetes.argo import wave_of
from bootstrap.kubernetes.documents import located
from bootstrap.kubernetes.objects import name
from bootstrap.lint import fix
from bootstrap.lint.children import Child, Children
from bootstrap.lint.files import diff, read, write
from bootstrap.lint.fix import Change, Fix, Settings, environments_of
from bootstrap.lint.order import Before
from tests.conftest import Golden
from tests.unit.lint.trees import application, tree

CRDS, ESO, CR, ALB = "apps/00-crds.yaml", "apps/10-eso.yaml", "apps/09-secrets.yaml", "apps/15-alb.yaml"
FILES = {
    CRDS: application("crds", 0),
    ESO: application("eso", 10),
    CR: application("secrets", 9),
    ALB: application("alb", 15),
    "apps/kustomization.yaml": "resources: # all\n- 00-crds.yaml\n- ./09-secrets.yaml\n- '10-eso.yaml'\n",
    "over/kustomization.yaml": "resources: [../apps/09-secrets.yaml]\n",
    "docs/x.yaml": "# see 09-secrets.yaml\n",
}
ORDERS = [("crds", "eso"), ("eso", "secrets"), ("secrets", "alb")]

CONFIG = """\
environments:
  dev:
    gitops: {path: apps}
    eso: {application: 09-secrets}
    waves:
      deadline: 300
      deadlines: {0: 60, 9: 900}
      hints:
        9: look at secrets # first
        10: look at ESO
  local: {extends: dev, waves: {deadlines: {9: 180}}}
  staging:
    gitops: {path: other}
    waves: {hints: {9: not this one}}
"""


def plan(found: Tree, pairs: Iterable[tuple[str, str]], known: Settings | None = None) -> Fix:
    orders = [Before(*pair) for pair in pairs]
    return fix.plan(found, lambda _: orders, known)


def settings(text: str = CONFIG) -> Settings:
    return Settings("bootstrap.yaml", text, "apps")


def after(files: Mapping[str, str], done: Fix) -> dict[str, str]:
    """The files once the changes are made."""
    gone = {change.path for change in done.changes}
    kept = {path: text for path, text in files.items() if path not in gone}
    return {**kept, **{change.renamed: change.after for change in done.changes}}


def waves(files: Mapping[str, str]) -> dict[str, int]:
    return {
        name(item): wave_of(item)
        for text in files.values()
        if "kind: Application" in text
        for _, item in located(text)
    }


def test_a_number_its_file_and_all_that_names_it(golden: Golden) -> None:
    done = plan(tree(FILES), ORDERS, settings())
    assert [(str(move.child), move.old, move.new) for move in done.moves] == [("Application secrets", 9, 11)]
    golden("fix.diff", diff(done.changes))
    (note,) = done.by_hand
    assert all(word in note for word in ("docs/x.yaml:1", "09-secrets.yaml", "11-secrets.yaml"))


def test_a_valid_order_is_left_alone() -> None:
    files = {**FILES, CR: application("secrets", 12)}
    assert plan(tree(files), ORDERS, settings()) == Fix()


def test_nothing_is_renamed_when_the_name_says_something_else() -> None:
    files = {"apps/secrets.yaml": FILES[CR], "apps/2024-eso.yaml": FILES[ESO]}
    done = plan(tree(files), [("eso", "secrets")])
    assert [(change.path, change.renamed) for change in done.changes] == [("apps/secrets.yaml",) * 2]


@pytest.mark.parametrize(
    ("file", "old", "limit", "renamed"),
    [
        ("a/-10-x.yaml", -10, -5, "a/-04-x.yaml"),
        ("a/007_x.yaml", 7, 99, "a/100_x.yaml"),
        ("a/7.yaml", 7, 9, "a/10.yaml"),
        ("5-x.yaml", 5, 6, "7-x.yaml"),
    ],
)
def test_numbers_in_names_keep_their_width(file: str, old: int, limit: int, renamed: str) -> None:
    files = {file: application("x", old), "y.yaml": application("y", limit)}
    (change,) = plan(tree(files), [("y", "x")]).changes
    assert change.renamed == renamed


def test_two_in_one_file_move_together_or_not_at_all() -> None:
    both = f"{application('x', 5)}---\n{application('y', 5)}"
    files = {"05-both.yaml": both} | {f"{one}.yaml": application(one, 9) for one in "uvw"}
    (change,) = plan(tree(files), [(one, other) for one in "uvw" for other in "xy"]).changes
    assert change.renamed == "10-both.yaml"
    done = plan(tree(files), [(one, "x") for one in "uvw"])
    assert done.changes[0].renamed == "05-both.yaml"
    (note,) = done.by_hand
    assert "05-both.yaml" in note and "5, 10" in note


def test_a_file_is_never_written_over() -> None:
    files = {**FILES, "apps/11-secrets.yaml": "x: y\n"}
    with pytest.raises(LintError, match=r"11-secrets\.yaml, which exists") as raised:
        plan(tree(files), ORDERS)
    assert "nothing was changed" in str(raised.value)


def test_two_files_may_swap_their_names() -> None:
    files = {"1-x.yaml": application("a", 1), "2-x.yaml": application("b", 2)}
    done = plan(tree({**files, "c.yaml": application("c", 1)}), [("b", "c"), ("c", "a")])
    assert waves(after(files, done)) == {"b": 2, "a": 4} | {"c": 3}


def test_orders_that_come_up_on_the_way_hold_too() -> None:
    """As with a webhook: who comes before it does not ask it, who shares its wave does."""
    files = {"hook.yaml": application("hook", 12), "x.yaml": application("x", 11)}

    def orders(found: Tree) -> list[Before[str]]:
        waves = {app.name: app.wave for app in found.apps}
        return [Before("hook", "x", 1 if waves["x"] >= waves["hook"] else 0)]

    done = fix.plan(tree(files), orders)
    assert [(move.child.name, move.new) for move in done.moves] == [("x", 13)]


def test_the_tree_as_it_would_be() -> None:
    files = {
        "p.yaml": application("p", 1),
        "px.yaml": application("px", 5),
        "s.yaml": application("s", 2, "ApplicationSet"),
    }
    found = tree(files, parents={"px": "p", "s": "p"})
    moves = (fix.Move(Child("Application", "p", "root"), 1, 9, Location("p.yaml")),)
    after_it = fix.moved(found, Children(found), moves)
    assert {app.name: app.position for app in after_it.apps} == {
        "root": (),
        "p": (9,),
        "px": (9, 5),
        "s-one": (9, 2),
        "s-two": (9, 2),
    }
    assert [one.position for one in after_it.sets] == [(9, 2)]
    assert wave_of(after_it.by_name["p"].item) == 9
    assert wave_of(found.by_name["p"].item) == 1


def test_a_set_moves_as_one() -> None:
    files = {"apps.yaml": application("apis", 5, "ApplicationSet"), "db.yaml": application("db", 35)}
    done = plan(tree(files), [("db", "apis-one"), ("apis-one", "apis-two")])
    assert [(str(move.child), move.new) for move in done.moves] == [("ApplicationSet apis", 36)]


def test_only_siblings_are_compared() -> None:
    """Of Applications deep in two parents it is the parents that have to move."""
    files = {
        "p.yaml": application("p", 20),
        "q.yaml": application("q", 10),
        "px.yaml": application("px", 1),
        "qx.yaml": application("qx", 9),
    }
    found = tree(files, parents={"px": "p", "qx": "q"})
    done = plan(found, [("px", "qx"), ("p", "px")])
    assert [(str(move.child), move.new) for move in done.moves] == [("Application q", 21)]


def test_a_cycle_changes_nothing() -> None:
    with pytest.raises(LintError) as raised:
        plan(tree(FILES), [*ORDERS, ("alb", "crds")])
    assert "nothing was changed" in raised.value.what
    assert "Application eso → Application secrets" in raised.value.why
    assert raised.value.exit_code == 9


def test_what_a_chart_renders_stays_and_the_others_move() -> None:
    files = {"values.yaml": "# kind: Application\n", **{CRDS: FILES[CRDS], CR: FILES[CR]}}
    found = tree({**files, "chart.yaml": application("eso", 10)})
    found = type(found)(
        found.apps, files={path: text for path, text in files.items() if path != "chart.yaml"}
    )
    done = plan(found, [("eso", "secrets")])
    assert [(move.child.name, move.new) for move in done.moves] == [("secrets", 11)]


def test_what_only_a_chart_can_change_is_said_with_its_place() -> None:
    found = tree({"values.yaml": f"{application('eso', 10)}---\n{application('secrets', 9)}"})
    found = type(found)(found.apps, files={"values.yaml": "ociCharts: []\n"})
    with pytest.raises(LintError) as raised:
        plan(found, [("eso", "secrets")])
    assert "values.yaml:9: Application secrets from wave 9 to 11" in raised.value.why


def test_of_what_a_chart_makes_the_values_are_named() -> None:
    template = "charts/root/templates/apps.yaml"
    found = tree({template: f"{application('eso', 10)}---\n{application('secrets', 9)}"})
    values = "ociCharts:\n  - name: eso\n    wave: 10\n  - name: secrets # ours\n    wave: 9\n"
    files = {template: "{{ range .Values.ociCharts }}\n", "charts/root/values.yaml": values}
    with pytest.raises(LintError) as raised:
        plan(Tree(found.apps, files=files), [("eso", "secrets")])
    assert "charts/root/values.yaml:4: Application secrets from wave 9 to 11" in raised.value.why


@pytest.mark.parametrize("extra", ["", "        11: is taken\n"])
def test_hints_of_a_wave_that_others_stay_in_are_left_to_people(extra: str) -> None:
    files = FILES if extra else {**FILES, "apps/09-more.yaml": application("more", 9)}
    text = CONFIG.replace("        10: look", f"{extra}        10: look")
    done = plan(tree(files), ORDERS, settings(text))
    told = [line for line in done.by_hand if "waves.hints" in line]
    (note,) = told
    assert all(word in note for word in ("bootstrap.yaml:9", "of dev", "wave 9", "secrets", "11"))


def test_a_name_that_the_configuration_means_without_saying_so_is_kept() -> None:
    done = plan(tree(FILES), ORDERS, Settings("bootstrap.yaml", "environments: {}\n", "apps", "09-secrets"))
    assert [(change.path, change.renamed) for change in done.changes] == [(CR, CR)]
    (note,) = done.by_hand
    assert CR in note and "eso.application" in note


def test_environments_share_applications_through_what_they_extend() -> None:
    assert environments_of(CONFIG, "apps") == {"dev", "local"}
    assert environments_of(CONFIG, "./other/") == {"staging"}


def lay_out(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): read(path) for path in root.rglob("*") if path.is_file()}


def test_files_are_written(tmp_path: Path) -> None:
    files = {**FILES, "bootstrap.yaml": CONFIG}
    lay_out(tmp_path, files)
    (tmp_path / CR).chmod(0o640)
    done = plan(tree(FILES), ORDERS, settings())
    write(tmp_path, done.changes)
    assert contents(tmp_path) == after(files, done)
    assert (tmp_path / "apps/11-secrets.yaml").stat().st_mode & 0o777 == 0o640


def test_the_diff_is_one_that_git_applies(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415 - only here

    files = {**FILES, "bootstrap.yaml": CONFIG, CR: FILES[CR].rstrip("\n")}
    lay_out(tmp_path, files)
    done = plan(
        tree({path: text for path, text in files.items() if path != "bootstrap.yaml"}), ORDERS, settings()
    )
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    subprocess.run(["git", "apply", "-"], input=diff(done.changes), cwd=tmp_path, text=True, check=True)
    assert contents(tmp_path) == after(files, done)


@pytest.mark.parametrize("trouble", ["changed", "taken", "folder"])
def test_all_or_nothing(tmp_path: Path, trouble: str) -> None:
    lay_out(tmp_path, {**FILES, "bootstrap.yaml": CONFIG})
    done = plan(tree(FILES), ORDERS, settings())
    if trouble == "changed":
        (tmp_path / "bootstrap.yaml").write_text(f"{CONFIG}# mine\n", encoding="utf-8")
    elif trouble == "taken":
        (tmp_path / "apps/11-secrets.yaml").touch()
    else:  # the last file cannot be replaced
        last = done.changes[-1]
        nowhere = Change(last.path, last.before, last.after, "no/such/folder")
        done = Fix(done.moves, (*done.changes[:-1], nowhere))
    before = contents(tmp_path)
    with pytest.raises(LintError, match="nothing was changed"):
        write(tmp_path, done.changes)
    assert contents(tmp_path) == before


def test_what_was_replaced_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, {**FILES, "bootstrap.yaml": CONFIG})
    done = plan(tree(FILES), ORDERS, settings())
    before = contents(tmp_path)

    def fail(path: Path, **_: object) -> None:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patch, pytest.raises(LintError, match="Input/output error"):
        real = Path.unlink
        patch.setattr(Path, "unlink", lambda path, **more: real(path, **more) if more else fail(path))
        write(tmp_path, done.changes)
    assert contents(tmp_path) == before


NAMES = "abcdef"


@st.composite
def forests(draw: st.DrawFn) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Files of Applications, numbered in their names or not, and orders along the alphabet."""
    files = {}
    for called in NAMES[: draw(st.integers(2, len(NAMES)))]:
        wave = draw(st.integers(-3, 12))
        kind = draw(st.sampled_from(["Application", "Application", "ApplicationSet"]))
        text = application(called, wave, kind)
        if wave == 0 and draw(st.booleans()):
            text = "".join(
                line
                for line in text.splitlines(keepends=True)
                if "nnotations" not in line and "wave" not in line
            )
        files[draw(st.sampled_from([f"{wave:02d}-{called}.yaml", f"{called}.yaml"]))] = text
    names = sorted(waves(files))
    pairs = [(one, other) for one in names for other in names if one < other]
    return files, draw(st.lists(st.sampled_from(pairs), unique=True, max_size=8))


def in_order(files: Mapping[str, str], orders: Iterable[tuple[str, str]]) -> bool:
    found = waves(files)
    return all(found[first] < found[then] for first, then in orders)


def as_apps(orders: Iterable[tuple[str, str]], files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Orders between Applications: those of a set stand for it."""
    sets = {one.name for one in tree(files).sets}
    return [tuple(f"{one}-two" if one in sets else one for one in pair) for pair in orders]  # type: ignore[misc]


@given(forests())
def test_after_a_fix_every_order_holds_and_a_second_one_has_nothing_to_do(
    forest: tuple[dict[str, str], list[tuple[str, str]]],
) -> None:
    files, orders = forest
    wanted = as_apps(orders, files)
    done = plan(tree(files), wanted)
    fixed = after(files, done)
    assert len(fixed) == len(files)
    assert in_order(fixed, orders)
    assert plan(tree(fixed), wanted) == Fix()
    assert (done == Fix()) == in_order(files, orders)
    for path in fixed:
        number = path.split("-")[-2] if path[0] in "-0123456789" else ""
        if number:
            (wave,) = waves({path: fixed[path]}).values()
            assert int(path.rpartition("-")[0]) == wave
