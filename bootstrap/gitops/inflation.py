"""What a kustomization asks of helm when it inflates charts, as kustomize hands it on unchecked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.gitops.closure import texts
from bootstrap.gitops.problems import Unknown
from bootstrap.gitops.release import release_name
from bootstrap.kubernetes.documents import documents

_LISTS = ("helmCharts", "helmChartInflationGenerator")
_KIND = "HelmChartInflationGenerator"
_VALUES = frozenset({"valuesInline", "values"})
_CURE = "correct the entry in helmCharts"


def require_harmless(content: bytes | str) -> None:
    """Raises Unknown and Wrong when a chart in that YAML would make helm run a template or a program, or read
    what is no part of the repository. What is no YAML has no charts."""
    try:
        found = list(documents(content))
    except (yaml.YAMLError, ValueError):
        return
    for document in found:
        for entry in _entries(document):
            _require(entry)


def _entries(document: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document, Mapping):
        return
    listed = [document.get(key) for key in _LISTS] + [[document.get("helmGlobals")]]
    for one in listed:
        yield from (entry for entry in (one if isinstance(one, list) else ()) if isinstance(entry, Mapping))
    if document.get("kind") == _KIND:
        yield document
    for text in (one for key in ("generators", "transformers") for one in document.get(key) or ()):
        if isinstance(text, str) and "\n" in text:
            require_harmless(text)


def _require(entry: Mapping[str, Any]) -> None:
    if entry.get("nameTemplate"):
        raise Unknown("a chart's nameTemplate is a program, which is not run here", "use releaseName")
    if entry.get("releaseName"):
        release_name(str(entry["releaseName"]))
    for text in texts({key: value for key, value in entry.items() if key not in _VALUES}):
        outside = text.startswith("/") or ".." in text.split("/")
        if outside or text.startswith("-") or any(ord(one) < ord(" ") for one in text):
            raise Unknown(f"a chart is inflated with {text!r}, which is not given to helm here", _CURE)
    files = [entry.get("valuesFile"), *(entry.get("additionalValuesFiles") or ())]
    if any("://" in str(one) for one in files):
        raise Unknown("a chart's value file is fetched from elsewhere", "keep the values in Git")
