"""Git → Tree: the root Application and all that hangs on it, rendered by the real helm and kustomize.

Argo CD 3.2 is followed in what it makes of a source; what it would fetch from another Git repository, or
have made by a plugin, is Unchecked; what it would certainly refuse, too, is Broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootstrap.config.model import Environment
from bootstrap.lint.model import Tree
from bootstrap.targets.base import DIRECT, Rendering, Tools


def read(
    config: Environment,
    tools: Tools,
    environment: Mapping[str, str],
    cache: Path | None,
    rendering: Rendering = DIRECT,
) -> Tree:
    """The tree below `config.gitops`, as the checkout is now (uncommitted changes included).

    `environment` is added to that of every program. `cache` is the folder for what was rendered and fetched
    (None: nothing is kept), see `bootstrap.cache.folder`. `rendering` is the target's way to what is not in
    Git (Target.rendering); it is opened only when something has to be fetched.

    Raises ConfigError when the root Application's folder cannot be read, ToolError without helm or kustomize.
    """
    raise NotImplementedError
