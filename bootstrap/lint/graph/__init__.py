"""Tree → Graph: which object needs which, from the manifests alone. Pure.

model.py     Need (with its Topic), Graph
timeline.py  which of two objects is there first
cluster.py   what every cluster has by itself
index.py     look-ups in a tree that the needs share
producers.py what creates which Secret, Service and pod
needs/       Index → Needs, one module a family, all listed in needs/__init__.py
"""

from __future__ import annotations

from bootstrap.gitops.model import Tree
from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Graph, Need, Topic
from bootstrap.lint.graph.needs import COLLECTORS
from bootstrap.lint.graph.timeline import Ordering, Timeline

__all__ = ["Graph", "Need", "Ordering", "Timeline", "Topic", "build"]


def build(tree: Tree) -> Graph:
    """All needs of the tree's objects; what the cluster has by itself is not among them."""
    index = Index(tree)
    return Graph(tuple(need for collect in COLLECTORS for need in collect(index)))
