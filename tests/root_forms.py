"""The forms that a root Application comes in, each with the same two Applications below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bootstrap.kubernetes.objects import Json
from tests.gitops_tree import definition, deployment
from tests.lint_tree import APPS, application

CRDS, OPERATOR, STRAY = "crds", "secrets-operator", "stray"

# What the Applications install: External Secrets' CRD, and something for its operator.
CONTENT: Mapping[str, Json] = {
    "crds/crd.yaml": {
        **definition("externalsecrets", "external-secrets.io"),
        "spec": {
            "group": "external-secrets.io",
            "scope": "Namespaced",
            "names": {"kind": "ExternalSecret", "plural": "externalsecrets", "singular": "externalsecret"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "description": "kept"}},
                }
            ],
        },
    },
    "operator/deployment.yaml": deployment("eso"),
}


@dataclass(frozen=True)
class Form:
    """`files` are below the root's folder; `source` is `gitops.source` of the configuration; `prefix` is what
    the root puts before the names of the Applications; `also` are files elsewhere."""

    files: Mapping[str, str | Json]
    source: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""

    def tree(self) -> dict[str, str | Json]:
        return {**CONTENT, **{f"{APPS}/{path}": content for path, content in self.files.items()}}


def app(name: str, wave: int, path: str) -> Json:
    return application(name, {"path": path}, wave=wave, namespace="external-secrets")


FIRST, SECOND = app(CRDS, 0, "crds"), app(OPERATOR, 10, "operator")
NEVER = app(STRAY, 1, "nowhere")


def _template(item: Json) -> str:
    """With a wave that the chart's values say."""
    return yaml.safe_dump(item).replace("'10'", '"{{ .Values.wave }}"')


CHART: Mapping[str, str | Json] = {
    "Chart.yaml": {"apiVersion": "v2", "name": "platform", "version": "0.1.0"},
    "values.yaml": {"wave": 99},
    "templates/00-crds.yaml": _template(FIRST),
    "templates/10-secrets-operator.yaml": _template(SECOND),
}

FORMS: Mapping[str, Form] = {
    "folder": Form(
        {"00-crds.yaml": FIRST, "10-secrets-operator.yaml": SECOND, "below/stray.yaml": NEVER},
    ),
    "recursive folder": Form(
        {"first/00-crds.yaml": FIRST, "second/deep/10-secrets-operator.yaml": SECOND},
        {"directory": {"recurse": True}},
    ),
    "folder with patterns": Form(
        {
            "00-crds.yaml": FIRST,
            "10-secrets-operator.yaml": SECOND,
            "10-old.yaml": NEVER,
            "stray.yaml": NEVER,
        },
        {"directory": {"include": "{00,10}-*.yaml", "exclude": "*-old.yaml"}},
    ),
    "kustomization": Form(
        {
            "kustomization.yaml": {"resources": ["00-crds.yaml", "10-secrets-operator.yaml"]},
            "00-crds.yaml": FIRST,
            "10-secrets-operator.yaml": SECOND,
            "stray.yaml": NEVER,
        },
    ),
    "kustomization with a prefix": Form(
        {
            "kustomization.yaml": {"resources": ["00-crds.yaml", "10-secrets-operator.yaml"]},
            "00-crds.yaml": FIRST,
            "10-secrets-operator.yaml": SECOND,
        },
        {"kustomize": {"namePrefix": "dev-"}},
        prefix="dev-",
    ),
    "chart": Form({**CHART, "values.yaml": {"wave": 10}}),
    "chart with a value file": Form(
        {**CHART, "dev.yaml": {"wave": 10}}, {"helm": {"valueFiles": ["dev.yaml"]}}
    ),
    "chart with values": Form(CHART, {"helm": {"values": "wave: 10"}}),
    "chart with an object of values": Form(CHART, {"helm": {"valuesObject": {"wave": 10}}}),
    "chart with parameters": Form(
        CHART, {"helm": {"values": "wave: 11", "parameters": [{"name": "wave", "value": "10"}]}}
    ),
    "folder that only seems to be a chart": Form(
        {"Chart.yaml": CHART["Chart.yaml"], "00-crds.yaml": FIRST, "10-secrets-operator.yaml": SECOND},
        {"directory": {"exclude": "Chart.yaml"}},
    ),
}
