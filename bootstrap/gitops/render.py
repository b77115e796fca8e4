"""A source of an Application → its objects: which kind of source it is, and whether it can be had here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bootstrap.config.model import Environment
from bootstrap.gitops import directory
from bootstrap.gitops.checkout import Checkout, join
from bootstrap.gitops.closure import kustomization
from bootstrap.gitops.context import RenderContext
from bootstrap.gitops.helm import Helm
from bootstrap.gitops.kustomize import Kustomize
from bootstrap.gitops.problems import Unknown, Wrong, understood
from bootstrap.gitops.shapes import misshapen
from bootstrap.gitops.source import ApplicationSource, RenderedObject
from bootstrap.kubernetes.argo import essential, same_repository
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, Kind

_EXPLICIT = ("helm", "kustomize", "directory", "plugin")


class Renderer:
    """`build_options` are argocd-cm's `kustomize.buildOptions`."""

    def __init__(self, config: Environment, context: RenderContext, build_options: str = "") -> None:
        self._gitops, self._context = config.gitops, context
        self._kustomize = Kustomize(context, build_options)
        self._helm = Helm(context, config.kubernetes_version, self._check_ref)

    def render(self, source: ApplicationSource, kinds: Sequence[str] | None) -> list[RenderedObject]:
        """`kinds` as in `Helm.chart`. Raises AsksForKinds, Unknown, Wrong, ToolError."""
        with understood():
            objects = self._render(source, kinds)
        for rendered in objects:
            require_sound(rendered)
        return objects

    def _render(self, source: ApplicationSource, kinds: Sequence[str] | None) -> list[RenderedObject]:
        if source.chart:
            return self._helm.chart(source, kinds)
        if not source.path and source.spec.get("ref"):
            return []  # it only lends its files
        self.require_ours(source.repository, source.revision)
        folder = join("", source.path or ".")
        if folder is None or not self._context.checkout.is_folder(folder):
            raise Wrong(f"{source.path} is no folder of the repository", "correct path, or add the folder")
        source = self._overridden(source, folder)
        match source_kind(self._context.checkout, source):
            case "plugin":
                raise Unknown(
                    "a config management plugin renders it", "render it by the plugin, and lint that"
                )
            case "helm":
                return self._helm.folder(source, folder, kinds)
            case "kustomize":
                return self._kustomize.build(source, folder)
        return self._plain(source)

    def kustomization(self, folder: str) -> list[RenderedObject]:
        """A folder that is no Application's."""
        return self._kustomize.build(ApplicationSource("", "", "", "", {"path": folder}), folder)

    def require_ours(self, repository: str, revision: str) -> None:
        """Raises Unknown unless it is the checkout that is meant."""
        if repository.startswith("oci://"):
            raise Unknown(f"it comes from an OCI artifact, {repository}", "render the artifact by itself")
        if not same_repository(repository, self._gitops.repo_url):
            why = f"it comes from another Git repository, {repository}"
            raise Unknown(why, "lint that repository by itself")
        if revision not in {"", "HEAD", self._gitops.revision}:
            why = f"it follows revision {revision}, the checkout stands for {self._gitops.revision}"
            raise Unknown(why, f"git checkout {revision}, and lint with that as gitops.revision")

    def _check_ref(self, source: ApplicationSource, ref: str) -> None:
        lender = source.refs.get(ref)
        if lender is None:
            raise Wrong(f"no source has the ref {ref} that ${ref} names", "add `ref` to a source")
        self.require_ours(str(lender.get("repoURL") or ""), str(lender.get("targetRevision") or ""))

    def _overridden(self, source: ApplicationSource, folder: str) -> ApplicationSource:
        """`.argocd-source.yaml` and the Application's own one are laid over the source."""
        spec: Mapping[str, Any] = source.spec
        for name in (".argocd-source.yaml", f".argocd-source-{source.app}.yaml"):
            path = f"{folder}/{name}".lstrip("/")
            if self._context.checkout.is_file(path):
                spec = merged(spec, self._context.checkout.document(path))
        return replace(source, spec=spec)

    def _plain(self, source: ApplicationSource) -> list[RenderedObject]:
        checkout, store = self._context.checkout, self._context.store
        paths = directory.wanted(checkout, source)
        key = self._context.key("directory", checkout.digests(paths))
        if (plain := store.get(key)) is not None:
            return [RenderedObject.load(one) for one in plain]
        objects = list(directory.read(checkout, source))
        store.put(key, [rendered.dump() for rendered in objects])
        return objects


def source_kind(checkout: Checkout, source: ApplicationSource) -> str:
    """What Argo CD takes a folder for: helm, kustomize, directory or plugin. Raises Wrong."""
    explicit = [kind for kind in _EXPLICIT if _given(kind, source.spec.get(kind))]
    if len(explicit) > 1:
        raise Wrong(f"its source is of several kinds: {', '.join(explicit)}", "keep one of them")
    if explicit:
        return explicit[0]
    folder = join("", source.path or ".") or ""
    if checkout.is_file(f"{folder}/Chart.yaml".lstrip("/")):
        return "helm"
    return "kustomize" if kustomization(checkout, folder) else "directory"


def _given(kind: str, options: object) -> bool:
    """Options that say nothing, such as `directory: {recurse: false}`, are none: Argo CD removes them."""
    return options is not None and (kind == "plugin" or essential({kind: options}) != {})


def require_sound(rendered: RenderedObject) -> None:
    """What everybody may rely on. Raises Wrong, as the API server would refuse it."""
    item = rendered.item
    data = item.get("metadata")
    called = (
        f"{item.get('kind')} {data.get('name', '')}" if isinstance(data, Mapping) else str(item.get("kind"))
    )
    parts = {"metadata": data}
    if isinstance(data, Mapping):
        parts |= {
            "metadata.labels": data.get("labels") or {},
            "metadata.annotations": data.get("annotations") or {},
        }
    if Kind.of(item).unversioned in {APPLICATION, APPLICATION_SET}:
        wanted = item.get("spec")
        parts["spec"] = wanted
        if isinstance(wanted, Mapping) and Kind.of(item).unversioned == APPLICATION:
            parts["spec.destination"] = wanted.get("destination") or {}
            parts["spec.source"] = wanted.get("source") or {}
            parts |= {f"spec.sources[{at}]": one for at, one in enumerate(wanted.get("sources") or ())}
    for path, part in parts.items():
        if not isinstance(part, Mapping):
            raise Wrong(f"{path} of {called} is no mapping", "correct it", rendered.where)
    if wrong := misshapen(item):
        raise Wrong(f"{wrong[0]} of {called} is no {wrong[1]}", "correct it", rendered.where)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7386)."""
    found = dict(base)
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            below = found.get(key)
            found[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            found[key] = value
    return found
