"""The options of `gitops.source`, which are Argo CD's own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootstrap.config.model import Gitops
from bootstrap.config.places import Finding
from bootstrap.config.read import Reading
from bootstrap.core.suggest import suggest

# Argo CD's ApplicationSourceHelm, -Kustomize and -Directory.
SOURCE_OPTIONS: Mapping[str, Mapping[str, type]] = {
    "helm": {
        **dict.fromkeys(("releaseName", "values", "namespace", "kubeVersion", "version"), str),
        **dict.fromkeys(("valueFiles", "parameters", "fileParameters", "apiVersions"), list),
        **dict.fromkeys(("ignoreMissingValueFiles", "passCredentials"), bool),
        **dict.fromkeys(("skipCrds", "skipTests", "skipSchemaValidation"), bool),
        "valuesObject": dict,
    },
    "kustomize": {
        **dict.fromkeys(("namePrefix", "nameSuffix", "namespace", "kubeVersion", "version"), str),
        **dict.fromkeys(("images", "replicas", "patches", "components", "apiVersions"), list),
        **dict.fromkeys(("commonLabels", "commonAnnotations"), dict),
        **dict.fromkeys(("forceCommonLabels", "forceCommonAnnotations", "commonAnnotationsEnvsubst"), bool),
        **dict.fromkeys(("labelWithoutSelector", "labelIncludeTemplates", "ignoreMissingComponents"), bool),
    },
    "directory": {
        **dict.fromkeys(("include", "exclude"), str),
        **dict.fromkeys(("recurse", "disableExtensionFilter"), bool),
        "jsonnet": dict,
    },
}
_TEXTS = frozenset({"valueFiles", "apiVersions", "images", "components"})
_NAMED = frozenset({"parameters", "fileParameters"})
_NOUNS: Mapping[type, str] = {str: "text", list: "a list", bool: "true or false", dict: "a mapping"}


def root_source(read: Reading) -> Iterator[Finding]:
    """How the root Application is made: options that Argo CD knows, of one kind."""
    gitops: Gitops | None = read.values.get("gitops")
    given = gitops.source.options if gitops else {}
    place = ("gitops", "source")
    if len(given) > 1:
        yield Finding(place, f"gitops.source is of several kinds: {', '.join(given)}", "keep one of them")
    for kind, options in given.items():
        for key, value in options.items():
            if told := _option(SOURCE_OPTIONS[kind], key, value):
                yield Finding((*place, kind, key), f"gitops.source.{kind}: {told[0]}", told[1])


def _option(known: Mapping[str, type], key: str, value: object) -> tuple[str, str] | None:
    """What is wrong with an option of the root's source, and its cure."""
    if key not in known:
        return f"Argo CD has no option '{key}'", suggest(key, known) or f"options: {', '.join(known)}"
    wanted = known[key]
    parts = value if wanted is list and isinstance(value, list) else ()
    if not isinstance(value, wanted) or (key in _TEXTS and not all(isinstance(part, str) for part in parts)):
        return f"{key} is not {_NOUNS[wanted]}", "write it as in spec.source of an Application"
    for index, part in enumerate(parts if key in _NAMED else ()):
        if not isinstance(part, dict) or not all(isinstance(one, str | bool) for one in part.values()):
            cure = 'write it like {name: replicas, value: "3"}'
            return f"{key}[{index}] is no mapping of texts", cure
    return None
