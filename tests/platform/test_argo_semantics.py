"""What Argo CD means by Synced, Healthy and deleted, on one started platform.

3.4: a missing object no longer makes an Application unhealthy. 3.6: server-side apply diffs server-side. In
all versions a status speaks of the spec before, until Argo CD has compared anew (argo-cd pull request 29649).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.kubernetes.argo import Expected, View
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import APPLICATION, CONFIG_MAP, JOB, Json, Key, Kind, dig, labels_of, name
from bootstrap.local.toolchain import Toolchain
from bootstrap.targets import open_target
from tests.end_to_end.product import Product
from tests.kills.run import end
from tests.platform.small_tree import ROOT, application, lay_out

pytestmark = pytest.mark.platform

HEALTH_CHECK = "resource.customizations.health.argoproj.io_Application"
UNGUARDED = """\
local hs = {status = "Progressing", message = ""}
local status = obj.status or {}
if status.health ~= nil and status.sync ~= nil and status.sync.status == "Synced" then
  hs.status = status.health.status
end
return hs
"""
SKIP = "argocd.argoproj.io/skip-reconcile"  # the status stays as it is, as with a controller that is behind
CACHE = Kind("example.com", "Cache")
PATIENCE = 400.0  # seconds; Argo CD takes its time on a busy machine
STEPS = (1, 2, 3)  # the child Applications' sources, one after the other


def config_map(which: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": which}, "data": data}


DEFINITION: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "caches.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Cache", "plural": "caches", "singular": "cache", "listKind": "CacheList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}
                        },
                    }
                },
            }
        ],
    },
}


def cache(**labels: str) -> Json:
    meta: Json = {"name": "main"} | ({"labels": labels} if labels else {})
    return {"apiVersion": "example.com/v1", "kind": "Cache", "metadata": meta, "spec": {"replicas": 3}}


def child(which: str, wave: int, step: int) -> Json:
    return application(which, wave, f"parts/{which}-{step}", "parts")


def hook(which: str, phase: str) -> Json:
    container = {"name": "main", "image": "busybox:1.36", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": which, "annotations": {"argocd.argoproj.io/hook": phase}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


def write(folder: Path, path: str, *documents: Json) -> None:
    file = folder / path / "all.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump_all(documents, sort_keys=False))


def write_parts(folder: Path) -> None:
    """Sources of the Applications that tests create themselves."""
    write(folder, "parts/loose", config_map("kept"), config_map("lost"))
    write(
        folder,
        "parts/hooked",
        config_map("guarded"),
        hook("before", "PreDelete"),
        hook("after", "PostDelete"),
    )
    for step in STEPS:
        write(folder, f"parts/chain-{step}", child("one", 1, step), child("two", 2, step))
        for which in ("one", "two"):
            write(folder, f"parts/{which}-{step}", config_map(which, step=str(step)))


@dataclass
class World:
    product: Product
    config: Environment
    made: list[str] = field(default_factory=list)  # Applications that are not in Git

    @property
    def cluster(self) -> Cluster:
        return Cluster.from_kubeconfig(self.config.kubeconfig)

    def up(self) -> tuple[int, str]:
        """Exit code, and all that was said."""
        done = self.product.run("up", "--yes", timeout=1200)
        return done.code, f"{done.lines}{done.words}"

    def commit(self) -> None:
        git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
        subprocess.run([*git, "commit", "-qam", "Change"], cwd=self.product.clone, check=True)

    def app(self, which: str) -> View:
        return View(self.cluster.get(self.key(which)))

    def key(self, which: str) -> Key:
        return Key(APPLICATION, self.config.gitops.namespace, which)

    def create(self, which: str, path: str, *options: str, **automated: bool) -> None:
        """An Application that is not in Git, as somebody makes it by hand."""
        item = application(which, 0, path, "parts", "CreateNamespace=true", *options)
        item["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
        item["spec"]["syncPolicy"]["automated"] = {"prune": True, "selfHeal": True, **automated}
        self.cluster.apply(item)
        self.made.append(which)
        eventually(lambda: self.done(which))

    def remove(self) -> None:
        """All that was created by hand: `down` leaves to others what is theirs."""
        for which in self.made:
            self.cluster.delete(self.key(which))
            gone(self, which)

    def done(self, which: str) -> bool:
        return not self.app(which).why_not(self.expected)

    @property
    def expected(self) -> Expected:
        gitops = self.config.gitops
        return Expected(gitops.repo_url, gitops.revision, open_target(self.config).revision())

    def skip(self, which: str, value: str | None) -> None:
        """Have Argo CD leave an Application's status alone, or look after it again (None)."""
        self.cluster.patch(self.key(which), {"metadata": {"annotations": {SKIP: value}}})

    def wanted(self, which: str) -> str:
        return str(dig(self.app(which).item, "spec", "source", "path"))

    def compared(self, which: str) -> str:
        return str(dig(self.app(which).item, "status", "sync", "comparedTo", "source", "path"))

    def step(self, step: int) -> None:
        """The parent's next source: both children change."""
        change = {"spec": {"source": {"path": f"parts/chain-{step}"}}}
        self.cluster.patch(self.key("chain"), change)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    toolchain = Toolchain.locate(ROOT)
    assert not toolchain.missing(), "build it first: make toolchain"
    folder = tmp_path_factory.mktemp("semantics")
    write_parts(folder)
    lay_out(folder, {"deadline": 400}, {"plain": [DEFINITION, cache()]})
    environ = {"BOOTSTRAP_CACHE": str(toolchain.cache), "PYTHONPATH": str(ROOT)}
    made = World(Product(folder, environ), load(folder / "bootstrap.yaml", "local"))
    code, said = made.up()
    assert code == 0, said[-4000:]
    yield made
    made.remove()
    if os.environ.get("BOOTSTRAP_KEEP") != "1":
        end(made.product)


def test_what_verify_calls_done_is_in_the_cluster(world: World) -> None:
    """A label is added to an object without labels. Argo CD 3.2.6 with ServerSideDiff sees no difference."""
    write(world.product.clone, "more/plain", DEFINITION, cache(team="shop"))
    world.commit()
    code, said = world.up()
    live = labels_of(world.cluster.get(Key(CACHE, "plain", "main")))
    if code == 0:
        assert live["team"] == "shop"
    else:
        assert "metadata.labels.team" in said


def test_an_application_that_misses_an_object_is_not_done(world: World) -> None:
    world.create("loose", "parts/loose", selfHeal=False)
    world.cluster.delete(Key(CONFIG_MAP, "parts", "lost"))
    eventually(lambda: world.app("loose").sync == "OutOfSync")
    assert world.app("loose").health == "Healthy"  # since 3.4; before it was Missing
    assert not world.done("loose")
    world.cluster.delete(world.key("loose"))
    gone(world, "loose")


def test_the_next_wave_waits_for_a_verdict_about_the_present_spec(world: World) -> None:
    """Child `one` keeps the status of its spec before, Synced and Healthy, until it may be compared again."""
    world.create("chain", "parts/chain-1")
    world.skip("one", "true")
    world.step(2)
    eventually(lambda: world.wanted("one") == "parts/one-2")
    eventually(lambda: "Application/one" in world.app("chain").operation_message)
    assert world.compared("one") == "parts/one-1"
    assert world.wanted("two") == "parts/two-1"
    world.skip("one", None)
    eventually(lambda: world.wanted("two") == "parts/two-2")
    assert world.compared("one") == "parts/one-2"
    eventually(lambda: world.done("chain"))


def test_without_the_guard_the_next_wave_starts_early(world: World) -> None:
    settings = Key(CONFIG_MAP, world.config.gitops.namespace, "argocd-cm")
    guarded = world.cluster.get(settings)["data"][HEALTH_CHECK]
    world.cluster.patch(settings, {"data": {HEALTH_CHECK: UNGUARDED}})
    try:
        world.skip("one", "true")
        world.step(3)
        eventually(lambda: world.wanted("two") == "parts/two-3")
        assert world.compared("one") == "parts/one-2"
    finally:
        world.cluster.patch(settings, {"data": {HEALTH_CHECK: guarded}})
        world.skip("one", None)
    eventually(lambda: world.done("chain"))


def test_hooks_run_before_and_after_a_deletion(world: World) -> None:
    world.create("hooked", "parts/hooked")
    world.cluster.delete(world.key("hooked"))
    seen = gone(world, "hooked", lambda: map(name, world.cluster.list(JOB, "parts")))
    assert {"before", "after"} <= seen
    assert world.cluster.find(Key(CONFIG_MAP, "parts", "guarded")) is None


def eventually(probe: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.2)


def gone(world: World, which: str, look: Callable[[], Any] = tuple) -> set[str]:
    """Wait until an Application is gone; what was seen meanwhile."""
    seen: set[str] = set()

    def ended() -> bool:
        seen.update(look())
        return world.cluster.find(world.key(which)) is None

    eventually(ended)
    return seen
