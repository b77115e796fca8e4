"""Rendered objects held against live ones, whatever Argo CD says of them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.errors import ProblemsError
from bootstrap.gitops.checkout import is_at
from bootstrap.gitops.model import STAND_IN, App, Broken, Location, Manifest, Tree, Unchecked
from bootstrap.kubernetes.errors import Busy, ClusterError, Invalid
from bootstrap.kubernetes.objects import CONFIG_MAP, CRD, Json, Kind
from bootstrap.kubernetes.transport import Request
from bootstrap.run.events import Notice
from bootstrap.steps import verify
from bootstrap.steps.git_comparison import compare, work
from tests.argo_objects import application
from tests.kubernetes_bench import Bench
from tests.kubernetes_fake import FakeServer

WHERE = Location("apps/a.yaml")


def config_map(name: str, **data: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"},
        "data": data,
    }


def rendered(item: Json, app: str = "a", via: str = "") -> Manifest:
    kind = Kind.of(item).unversioned
    return Manifest(item, app, WHERE, via, "" if kind == CRD else "shop")


def tree(*manifests: Manifest, **more: Any) -> Tree:
    names = dict.fromkeys(["a", *(one.app for one in manifests)])
    return Tree(
        tuple(
            App(
                {"metadata": {"name": name}},
                WHERE,
                (0,),
                manifests=tuple(one for one in manifests if one.app == name),
            )
            for name in names
        ),
        **more,
    )


def entry(manifest: Manifest, **more: Any) -> Json:
    """As an Application's status lists it."""
    key = manifest.key
    named = {"group": key.kind.group, "kind": key.kind.name, "namespace": key.namespace, "name": key.name}
    return {**named, "status": "Synced", **more}


def listing(*manifests: Manifest, **changes: Any) -> Json:
    return application("a", resources=[entry(one) for one in manifests], **changes)


def look(server: FakeServer, app: Json, *manifests: Manifest, **settings: str) -> Any:
    todo = work(tree(*manifests), [app])
    return compare(server.cluster, todo.pairs, settings)


def test_what_is_there_as_rendered_is_counted() -> None:
    server, one = FakeServer(), rendered(config_map("a", key="1"))
    server.put(config_map("a", key="1", more="2"))
    found = look(server, listing(one), one)
    assert (found.equal, found.different, found.uncompared) == (1, (), ())
    assert server.writes() == []


def test_each_field_that_differs_is_named() -> None:
    server, one = FakeServer(), rendered(config_map("a", key="1", other="2"))
    server.put(config_map("a", key="0"))
    (found,) = look(server, listing(one), one).different
    assert (found.app, found.key, found.fields) == ("a", one.key, ("data.key", "data.other"))
    assert server.get(CONFIG_MAP, "a", "shop")["data"] == {"key": "0"}


def test_what_is_not_there_is_named() -> None:
    one = rendered(config_map("a"))
    (found,) = look(FakeServer(), listing(one), one).different
    assert (found.key, found.fields) == (one.key, ())


@pytest.mark.parametrize(
    ("ignored", "different", "uncompared"),
    [
        ({"jsonPointers": ["/data/key"]}, 0, 0),
        ({"jqPathExpressions": [".data.key"]}, 0, 0),
        ({"jsonPointers": ["/data/other"]}, 1, 0),
        ({"jqPathExpressions": ['.data | select(.x == "y")']}, 0, 1),
    ],
    ids=str,
)
def test_what_argo_cd_ignores(ignored: Json, different: int, uncompared: int) -> None:
    server, one = FakeServer(), rendered(config_map("a", key="1"))
    server.put(config_map("a", key="0"))
    spec = {"ignoreDifferences": [{"group": "", "kind": "ConfigMap", **ignored}]}
    found = look(server, listing(one, spec=spec), one)
    assert (len(found.different), len(found.uncompared)) == (different, uncompared)


def test_a_stand_in_that_differs_is_not_compared() -> None:
    server, one = FakeServer(), rendered(config_map("a", key="1"), via=f"chart x 1.0 {STAND_IN}")
    server.put(config_map("a", key="0"))
    found = look(server, listing(one), one)
    assert (found.different, [each.app for each in found.uncompared]) == ((), ["a"])


@pytest.mark.parametrize(
    ("error", "different", "uncompared"),
    [
        (Invalid("PATCH", "field is immutable"), 1, 0),
        (Invalid("PATCH", 'admission webhook "x" does not support dry run'), 0, 1),
        (Busy("PATCH", "too many requests"), 0, 1),
    ],
    ids=["refused", "no dry run", "busy"],
)
def test_a_dry_run_that_fails(error: ClusterError, different: int, uncompared: int) -> None:
    def refuse(request: Request) -> ClusterError | None:
        return error if request.method == "PATCH" else None

    server, one = FakeServer(refuse=refuse), rendered(config_map("a", key="1"))
    server.put(config_map("a", key="0"))
    found = look(server, listing(one), one)
    assert (len(found.different), len(found.uncompared)) == (different, uncompared)


def test_a_definition_is_compared_without_its_schema() -> None:
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": {"x-left-out": 1000}}}]
    crd: Json = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "shops.x.io"},
        "spec": {"group": "x.io", "versions": versions},
    }
    server, one = FakeServer(), rendered(crd)
    there = {"group": "x.io", "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}]}
    server.put({**crd, "spec": there})
    found = look(server, listing(one), one)
    assert (found.equal, found.partly) == (1, 1)
    server.put({**crd, "spec": {**there, "group": "y.io"}})
    (different,) = look(server, listing(one), one).different
    assert different.fields == ("spec.group",)
    assert server.writes() == []


def test_only_what_both_sides_have_is_compared() -> None:
    hook = config_map("hook")
    hook["metadata"]["annotations"] = {"argocd.argoproj.io/hook": "PreSync"}
    mine, excluded, more = (rendered(config_map(name)) for name in ("mine", "excluded", "more"))
    todo = work(
        tree(
            mine,
            excluded,
            rendered(hook),
            unchecked=(Unchecked("chart x", "cannot be fetched", WHERE),),
            broken=(Broken("chart y", "fails", WHERE),),
        ),
        [listing(mine, more, rendered(hook))],
    )
    assert [pair.key for pair in todo.pairs] == [mine.key]
    gaps = {(one.app, one.what) for one in todo.uncompared}
    assert gaps == {("", "chart x"), ("", "chart y"), ("a", str(excluded.key)), ("a", str(more.key))}


def test_what_two_applications_have_is_not_compared() -> None:
    one, other = rendered(config_map("x")), rendered(config_map("x"), app="b")
    second = {**listing(other), "metadata": {**listing(other)["metadata"], "name": "b"}}
    todo = work(tree(one, other), [listing(one), second])
    assert todo.pairs == ()
    assert [gap.app for gap in todo.uncompared] == ["a", "b"]


# -- in `verify` -------------------------------------------------------------------------------------


def stage(bench: Bench, **data: str) -> Manifest:
    one = rendered(config_map("x", **data))
    bench.context.results.put(tree(one))
    return one


def test_verify_fails_on_what_still_differs(bench: Bench) -> None:
    one = stage(bench, key="1")
    bench.server.put(config_map("x", key="0"))
    with pytest.raises(ProblemsError) as caught:
        verify.compared(bench.context, bench.server.cluster, (listing(one),))
    (problem,) = caught.value.problems
    assert problem.where == str(one.key)
    assert "data.key" in problem.what
    assert "patch application a" in problem.cure


def test_verify_waits_for_what_is_being_put_right(bench: Bench) -> None:
    one = stage(bench, key="1")
    bench.server.put(config_map("x", key="0"))

    def heal(request: Request) -> None:
        if request.method == "PATCH":
            bench.server.change(one.key, data={"key": "1"})

    bench.server.refuse = heal
    found = verify.compared(bench.context, bench.server.cluster, (listing(one),))
    assert found is not None
    assert (found.equal, found.different) == (1, ())


def test_verify_says_what_it_could_not_compare(bench: Bench) -> None:
    stage(bench)
    found = verify.compared(bench.context, bench.server.cluster, (listing(),))
    assert found is not None
    assert [one.app for one in found.uncompared] == ["a"]
    assert len(bench.of(Notice)) == 1


def test_nothing_is_compared_without_a_tree(bench: Bench) -> None:
    assert verify.compared(bench.context, bench.server.cluster, ()) is None
    assert len(bench.of(Notice)) == 1


def test_another_commit_than_the_checkout_is_not_compared(bench: Bench) -> None:
    stage(bench)
    context = replace(bench.context, target=replace(bench.context.target, delivers_checkout=False))
    assert verify.compared(context, bench.server.cluster, ()) is None
    assert len(bench.of(Notice)) == 1


def test_is_at(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        argv = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "a.yaml").write_text("a: 1\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    assert is_at(tmp_path, commit)
    assert not is_at(tmp_path, "0" * 40)
    (tmp_path / "b.yaml").write_text("b: 1\n")
    assert not is_at(tmp_path, commit)
    (tmp_path / "b.yaml").unlink()
    (tmp_path / "a.yaml").write_text("a: 2\n")
    assert not is_at(tmp_path, commit)


def test_hundreds_of_objects_take_one_read_each(bench: Bench) -> None:
    many = [rendered(config_map(f"x{number}", key="1")) for number in range(350)]
    for one in many:
        bench.server.put(one.item)
    bench.context.results.put(tree(*many))
    found = verify.compared(bench.context, bench.server.cluster, (listing(*many),))
    assert found is not None
    assert found.equal == 350
    reads = [request for request in bench.server.requests if "/configmaps/x" in request.path]
    assert len(reads) == 350
