"""An ApplicationSet → its Applications, each with the RollingSync step that it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from bootstrap.gitops.checkout import Checkout, said
from bootstrap.gitops.generators import Generators, Params, bounded
from bootstrap.gitops.problems import Unknown, Wrong, understood
from bootstrap.gitops.render import merged, require_sound
from bootstrap.gitops.source import RenderedObject
from bootstrap.gitops.templates import Templates
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json, labels_of, metadata, name, spec

_FINALIZER = "resources-finalizer.argocd.argoproj.io"


@dataclass(frozen=True)
class Generated:
    """Each Application with its step from 0; None without RollingSync, or when no step selects it (then Argo
    CD never syncs it by itself)."""

    applications: tuple[tuple[Json, int | None], ...]


@dataclass(frozen=True)
class Generator:
    """`require_ours(repository, revision)` raises Unknown for another repository."""

    checkout: Checkout
    templates: Templates
    require_ours: Callable[[str, str], None]

    def generate(self, item: Json, secrets: Callable[[], Iterable[Json]]) -> Generated:
        """`secrets` gives those that may describe clusters. Raises Unknown, Wrong, ToolError."""
        with understood():
            return self._generate(item, secrets)

    def _generate(self, item: Json, secrets: Callable[[], Iterable[Json]]) -> Generated:
        wanted = spec(item)
        go, options = bool(wanted.get("goTemplate")), tuple(wanted.get("goTemplateOptions") or ())
        generators = Generators(self.checkout, self.templates, self.require_ours, secrets, go, options)
        jobs = bounded(
            (template, params)
            for generator in wanted.get("generators") or ()
            for template in (_template(generator, wanted.get("template") or {}),)
            for params in generators.params(generator)
        )
        patch = wanted.get("templatePatch")
        # Both at once: starting helm is what takes time.
        everything = [*jobs, *((patch, params) for _, params in jobs if patch)]
        filled = self.templates.fill(everything, go=go, options=options)
        made, patches = filled[: len(jobs)], filled[len(jobs) :]
        applications = [
            _application(template, item, patches[number] if patch else None)
            for number, template in enumerate(made)
        ]
        for one in applications:
            require_sound(RenderedObject(one))
        _refuse_doubles(applications)
        return Generated(tuple((one, step_of(wanted, one)) for one in applications))


def step_of(wanted: Mapping[str, Any], application: Json) -> int | None:
    """The first RollingSync step whose expressions all match the Application's labels."""
    strategy = wanted.get("strategy") or {}
    if strategy.get("type") != "RollingSync":
        return None
    steps = (strategy.get("rollingSync") or {}).get("steps") or ()
    labels = labels_of(application)
    return next(
        (number for number, step in enumerate(steps) if selects(step, labels)),
        None,
    )


def selects(step: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether a RollingSync step selects these labels: a missing label fails In and passes NotIn.

    An unknown operator selects nothing that has the label; the controller only logs it.
    """
    expressions = step.get("matchExpressions")
    if not isinstance(expressions, list):
        return True
    return all(_holds(one, labels) for one in expressions if isinstance(one, dict))


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, operator, values = str(expression.get("key")), expression.get("operator"), expression.get("values")
    if key not in labels:
        return operator != "In"
    listed = isinstance(values, list) and labels[key] in values
    return listed if operator == "In" else operator == "NotIn" and not listed


def _template(generator: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """The set's template under the generator's own one."""
    own = next(
        (
            one.get("template")
            for one in generator.values()
            if isinstance(one, Mapping) and one.get("template")
        ),
        None,
    )
    return merged(base, own) if isinstance(own, Mapping) else dict(base)


def _application(template: Mapping[str, Any], owner: Json, patch: str | None) -> Json:
    made: Json = {**template, "apiVersion": "argoproj.io/v1alpha1", "kind": "Application"}
    if patch is not None:
        made = _patched(made, patch)
    keeps = (spec(owner).get("syncPolicy") or {}).get("preserveResourcesOnDeletion")
    data = {**metadata(made), "namespace": metadata(owner).get("namespace", "")}
    if not keeps and not data.get("finalizers"):
        data["finalizers"] = [_FINALIZER]
    return {**made, "metadata": data}


def _patched(made: Json, patch: str) -> Json:
    """By a merge patch; the project cannot be changed so."""
    try:
        over: Any = next(documents(patch), {})
    except yaml.YAMLError as error:
        raise Wrong(f"its templatePatch is no YAML: {said(error)}", "correct it") from error
    if not isinstance(over, Mapping):
        raise Wrong("its templatePatch is no mapping", "correct it")
    if "$patch" in str(over):
        raise Unknown("its templatePatch has $patch directives", "spell the patch out")
    project = spec(made).get("project")
    found = merged(made, over)
    return {**found, "spec": {**found.get("spec", {}), "project": project}}


def _refuse_doubles(applications: list[Json]) -> None:
    for double in _doubles(applications):
        raise Wrong(f"two of its Applications are called {double}", "make the template's name unique")


def _doubles(applications: list[Json]) -> Iterator[str]:
    seen: set[str] = set()
    for one in applications:
        if name(one) in seen:
            yield name(one)
        seen.add(name(one))


__all__ = ["Generated", "Generator", "Params", "step_of"]
