"""The one reader of the GitOps repository: the root Application and everything below it, as a Tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bootstrap.config.model import Environment, Gitops
from bootstrap.core import cachefolder
from bootstrap.core.errors import ConfigError, PermanentError, Problem, TemporaryError
from bootstrap.core.rendering import DIRECT, Rendering, Tools
from bootstrap.core.scratch import scratch
from bootstrap.core.worktree import work_tree
from bootstrap.gitops import installed, pipelines
from bootstrap.gitops.checkout import YAML, Checkout
from bootstrap.gitops.context import RenderContext
from bootstrap.gitops.facts import seeded
from bootstrap.gitops.fetch import Fetcher
from bootstrap.gitops.model import App, Broken, Location, Manifest, Tree
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.render import Renderer
from bootstrap.gitops.root import repository_root, root_application
from bootstrap.gitops.scope import CLUSTER_WIDE
from bootstrap.gitops.sets import Generator
from bootstrap.gitops.store import Store
from bootstrap.gitops.templates import Templates
from bootstrap.gitops.walk import Walk, manifest, sources
from bootstrap.kubernetes.objects import Json


class Renders(Protocol):
    """What the reader takes from a target."""

    @property
    def tools(self) -> Tools: ...
    @property
    def tool_environment(self) -> Mapping[str, str]: ...
    @property
    def rendering(self) -> Rendering: ...


@dataclass(frozen=True)
class Reader:
    """Reads the checkout as it is now, uncommitted changes included.

    `environment` is added to that of every program. `cache` is the folder for what was rendered and fetched
    (None: nothing is kept). `rendering` is the way to what is not in Git; it is opened only when something
    has to be fetched.
    """

    config: Environment
    tools: Tools
    environment: Mapping[str, str]
    cache: Path | None = None
    rendering: Rendering = DIRECT

    @classmethod
    def of(cls, config: Environment, target: Renders) -> Reader:
        """The one for a run against that target; it keeps what it renders and fetches."""
        cache = cachefolder.choose(config.home) / "lint"
        return cls(config, target.tools, target.tool_environment, cache, target.rendering)

    def tree(self) -> Tree:
        """Everything below the root Application.

        `installed` of the tree is Argo CD's own kustomization, and External Secrets Operator with the CRDs
        that the step `eso` installs before the root Application: their `app` is "", the latter's `via`
        begins with model.BY_ESO, and the Applications that adopt them render them once more.

        Raises ConfigError when the root Application's folder cannot be read or holds nothing, ToolError
        without helm or kustomize.
        """
        root = repository_root(self.config.gitops.checkout)
        if not (root / self.config.gitops.path).is_dir():
            what = f"there is no folder {self.config.gitops.path} in {root}"
            problem = Problem(self.config.gitops.where or "gitops.path", what, "correct gitops.path")
            raise ConfigError("the Applications cannot be read", [problem])
        # The context ends first: where this is interrupted, programs end, and then those who wait for them.
        with ThreadPoolExecutor((os.cpu_count() or 2) + 2) as pool, self._context(root) as context:
            return _read(self.config, context, pool)

    def render(self, app: App, kubernetes_version: str, api_versions: Sequence[str]) -> tuple[Manifest, ...]:
        """What Argo CD makes of an Application in a cluster of that version with those kinds, ready to be
        applied: CRDs have their schemas. What was rendered or fetched before is taken from the cache.

        Raises TemporaryError when something cannot be had here now, PermanentError when Argo CD could not
        render it either, ToolError.
        """
        config = replace(self.config, kubernetes_version=kubernetes_version)
        with self._whole(config, repository_root(config.gitops.checkout), app.name) as (renderer, checkout):
            return tuple(_manifests(app, renderer, checkout, api_versions))

    def installation(self) -> tuple[Json, ...]:
        """The objects of Argo CD's own kustomization, ready to be applied. Raises as `render`."""
        folder = self.config.gitops.install
        with self._whole(self.config, work_tree(folder) or folder, str(folder)) as (renderer, checkout):
            return tuple(one.item for one in installed.render(self.config, renderer, checkout))

    @contextmanager
    def _whole(self, config: Environment, root: Path, what: str) -> Iterator[tuple[Renderer, Checkout]]:
        """Renders with the schemas of CRDs."""
        with self._context(root, whole=True) as context:
            try:
                yield (
                    Renderer(config, context, installed.build_options(config, context.checkout)),
                    context.checkout,
                )
            except Unknown as problem:
                raise TemporaryError(f"{what} cannot be rendered", problem.why, problem.cure) from problem
            except Wrong as problem:
                raise PermanentError(f"{what} cannot be rendered", problem.why, problem.cure) from problem

    @contextmanager
    def _context(self, root: Path, *, whole: bool = False) -> Iterator[RenderContext]:
        with scratch("lint", self.config.home) as home:
            programs = Programs(self.tools, self.environment, home)
            store = Store(self.cache)
            with closing(programs.children), Fetcher(programs, store, self.rendering) as fetcher:
                yield RenderContext(Checkout(root, whole=whole), programs, store, fetcher)
            store.prune()


def _read(config: Environment, context: RenderContext, pool: ThreadPoolExecutor) -> Tree:
    checkout, gitops = context.checkout, config.gitops
    renderer = Renderer(config, context, installed.build_options(config, checkout))
    argocd = installed.ArgoCD(config, checkout, pool.submit(installed.render, config, renderer, checkout))
    generator = Generator(checkout, Templates(context.programs, context.store), renderer.require_ours)
    walk = Walk(renderer, generator, checkout, pool, argocd.objects)
    apps = walk.run(App(root_application(gitops), Location(gitops.path), ()))
    if not (len(apps) > 1 or walk.sets or walk.unchecked or walk.broken or apps[0].manifests):
        raise _empty(checkout, gitops)
    return Tree(
        apps=apps,
        sets=tuple(sorted(walk.sets, key=lambda one: (one.position, one.name))),
        installed=(*argocd.manifests(walk.cluster_wide()), *installed.operator(config, apps)),
        unchecked=(*walk.unchecked, *argocd.unchecked()),
        broken=(*walk.broken, *argocd.broken(), *_links_out(checkout)),
        blanks=(*walk.blanks, *argocd.blanks()),
        seeded=seeded(config),
        files={**checkout.texts(), **pipelines.read(checkout.root)},
    )


def _manifests(
    app: App, renderer: Renderer, checkout: Checkout, api_versions: Sequence[str]
) -> Iterator[Manifest]:
    for source in sources(app, checkout):
        for rendered in renderer.render(source, api_versions):
            yield manifest(rendered, app.name, source.where, source.namespace, CLUSTER_WIDE)


def _links_out(checkout: Checkout) -> Iterator[Broken]:
    """Argo CD's repo-server refuses a repository that holds one, whoever asks for it."""
    for path in checkout.links_out()[:1]:
        why = f"{path} is a link out of the repository: Argo CD renders nothing of it"
        yield Broken("the repository", why, Location(path), f"git rm {path}")


def _empty(checkout: Checkout, gitops: Gitops) -> ConfigError:
    """A folder without anything is a mistake: nothing is proven of it."""
    path = gitops.path
    below = [one for one in checkout.files(path) if one.endswith(YAML)]
    what = f"the root Application finds nothing in {path}"
    cure = "put at least one Application there, or correct gitops.path"
    if below:
        what += f", and Argo CD does not look into folders below it, such as that of {below[0]}"
        cure = "name that folder in gitops.path, or set gitops.source.directory.recurse"
    return ConfigError(
        "the Applications cannot be read", [Problem(gitops.where or "gitops.path", what, cure)]
    )
