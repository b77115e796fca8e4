"""Git → Tree: the root Application and all that hangs on it, rendered by the real helm and kustomize.

Argo CD 3.2 is followed in what it makes of a source; what it would fetch from another Git repository, or
have made by a plugin, is Unchecked; what it would certainly refuse, too, is Broken.

    walk.py        READ FIRST: from the root down, a level at a time
    render.py      a source → its objects: directory.py, kustomize.py (closure.py), helm.py (release.py)
    sets.py        an ApplicationSet → its Applications: generators.py, templates.py
    fetch.py     charts and remote files; store.py: what was fetched and rendered before
    installed.py   what stands before the root Application; facts.py: which parameters do
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.config.model import Environment
from bootstrap.core.errors import ConfigError, Problem
from bootstrap.core.rendering import DIRECT, Rendering, Tools
from bootstrap.core.scratch import scratch
from bootstrap.gitops import installed, pipelines
from bootstrap.gitops.applications import repository_root, root_application
from bootstrap.gitops.checkout import YAML, Checkout
from bootstrap.gitops.context import RenderContext
from bootstrap.gitops.facts import seeded
from bootstrap.gitops.fetch import Fetcher
from bootstrap.gitops.model import App, Broken, Location, Tree
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.render import Renderer
from bootstrap.gitops.sets import Generator
from bootstrap.gitops.store import Store
from bootstrap.gitops.templates import Templates
from bootstrap.gitops.walk import Walk


def read(
    config: Environment,
    tools: Tools,
    environment: Mapping[str, str],
    cache: Path | None,
    rendering: Rendering = DIRECT,
) -> Tree:
    """The tree below `config.gitops`, as the checkout is now (uncommitted changes included).

    `environment` is added to that of every program. `cache` is the folder for what was rendered and fetched
    (None: nothing is kept), one below `bootstrap.core.cachefolder.choose(config.home)`. `rendering` is the
    target's way to what is not in Git (Target.rendering); it is opened only when something has to be fetched.

    `installed` of the tree is Argo CD's own kustomization, and External Secrets Operator with the CRDs that
    the step `eso` installs from outside before the root Application: their `app` is "", the latter's `via`
    begins with installed.BY_ESO, and the Applications that adopt them render them once more.

    Raises ConfigError when the root Application's folder cannot be read or holds nothing, ToolError without
    helm or kustomize.
    """
    root = repository_root(config.gitops.checkout)
    if not (root / config.gitops.path).is_dir():
        what = f"there is no folder {config.gitops.path} in {root}"
        problem = Problem("gitops.path", what, "correct gitops.path")
        raise ConfigError("the Applications cannot be read", [problem])
    with scratch("lint", config.home) as home:
        programs = Programs(tools, environment, home)
        store = Store(cache)
        with (
            Fetcher(programs, store, rendering) as fetcher,
            ThreadPoolExecutor((os.cpu_count() or 2) + 2) as pool,
        ):
            context = RenderContext(Checkout(root), programs, store, fetcher)
            tree = _read(config, context, pool)
        store.prune()
    return tree


def _links_out(checkout: Checkout) -> Iterator[Broken]:
    """Argo CD's repo-server refuses a repository that holds one, whoever asks for it."""
    for path in checkout.links_out()[:1]:
        why = f"{path} is a link out of the repository: Argo CD renders nothing of it"
        yield Broken("the repository", why, Location(path), f"git rm {path}")


def _empty(checkout: Checkout, path: str) -> ConfigError:
    """A folder without anything is a mistake: nothing is proven of it."""
    below = [one for one in checkout.files(path) if one.endswith(YAML)]
    what = f"the root Application finds nothing in {path}"
    cure = "put at least one Application there, or correct gitops.path"
    if below:
        what += f", and Argo CD does not look into folders below it, such as that of {below[0]}"
        cure = f"name the folder in gitops.path, or list its files in {path}/kustomization.yaml"
    return ConfigError("the Applications cannot be read", [Problem("gitops.path", what, cure)])


def _read(config: Environment, context: RenderContext, pool: ThreadPoolExecutor) -> Tree:
    checkout, gitops = context.checkout, config.gitops
    renderer = Renderer(config, context, installed.build_options(config, checkout))
    argocd = installed.ArgoCD(config, checkout, pool.submit(installed.render, config, renderer, checkout))
    generator = Generator(checkout, Templates(context.programs, context.store), renderer.require_ours)
    walk = Walk(renderer, generator, checkout, pool, argocd.objects)
    apps = walk.run(App(root_application(gitops), Location(gitops.path), ()))
    if not (len(apps) > 1 or walk.sets or walk.unchecked or walk.broken or apps[0].manifests):
        raise _empty(checkout, gitops.path)
    return Tree(
        apps=apps,
        sets=tuple(sorted(walk.sets, key=lambda one: (one.position, one.name))),
        installed=(*argocd.manifests(walk.cluster_wide()), *installed.eso(config, apps)),
        unchecked=(*walk.unchecked, *argocd.unchecked()),
        broken=(*walk.broken, *argocd.broken(), *_links_out(checkout)),
        blanks=(*walk.blanks, *argocd.blanks()),
        seeded=seeded(config),
        files={**checkout.texts(), **pipelines.read(checkout.root)},
    )
