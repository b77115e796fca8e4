"""The templates of an ApplicationSet filled with parameters.

Go templates are executed by the real helm: a chart is made whose one template is the set's. Its functions
are the same library's; what Argo CD adds is written as a template (`normalize`) or not supported (`slugify`).
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Failed, Programs
from bootstrap.gitops.store import Store, digest, ours
from bootstrap.kubernetes.documents import documents

Params = Mapping[str, Any]

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
_FIELD = re.compile(r"(?<![\w).\]$])\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_BLOCK = re.compile(r"^(?:if|else|range|with|end|define|template|block|\$|/\*)")
_HELPER = """{{- define "normalize" -}}
{{ regexReplaceAll "[^-a-z0-9.]" (toString . | lower) "-" | trunc 253 | trimAll "-." }}
{{- end -}}
"""
# The answer is one line of JSON, so that nothing in it can be taken for the end of a document.
_MAIN = """{{- $filled := list -}}
{{- range .Values.jobs -}}
{{- $filled = append $filled (tpl .text .params) -}}
{{- end -}}
filled: {{ toJson $filled }}
"""


class Templates:
    def __init__(self, programs: Programs, store: Store) -> None:
        self._programs, self._store = programs, store

    def fill(self, jobs: Sequence[tuple[Any, Params]], *, go: bool, options: Sequence[str] = ()) -> list[Any]:
        """Each structure with every text in it, keys too, filled with its parameters.

        Raises Wrong when Argo CD could not fill one, Unknown, ToolError.
        """
        if not go:
            return [_replaced(structure, lambda text, p=params: fast(text, p)) for structure, params in jobs]
        strict = "missingkey=error" in options
        wanted = list(
            dict.fromkeys(
                (number, text)
                for number, (structure, _) in enumerate(jobs)
                for text in _texts(structure)
                if "{{" in text
            )
        )
        if strict:
            for number, text in wanted:
                require_keys(text, jobs[number][1])
        filled = dict(
            zip(wanted, self._go([(text, jobs[number][1]) for number, text in wanted]), strict=True)
        )
        return [
            _replaced(structure, lambda text, n=number: filled.get((n, text), text))
            for number, (structure, _) in enumerate(jobs)
        ]

    def _go(self, jobs: Sequence[tuple[str, Params]]) -> list[str]:
        if not jobs:
            return []
        values = json.dumps({"jobs": [{"text": _ours(text), "params": params} for text, params in jobs]})
        key = digest("template", ours(), values, self._programs.identity)
        kept: list[str] | None = self._store.get(key)
        if kept is not None:
            return kept
        with tempfile.TemporaryDirectory(dir=self._programs.home) as folder:
            chart = Path(folder)
            (chart / "templates").mkdir()
            (chart / "Chart.yaml").write_text("apiVersion: v2\nname: set\nversion: 0.0.0\n")
            (chart / "templates" / "_helpers.tpl").write_text(_HELPER)
            (chart / "templates" / "filled.yaml").write_text(_MAIN)
            (chart / "values.json").write_text(values)
            try:
                output = self._programs.helm(["template", folder, "--values", str(chart / "values.json")])
            except Failed as error:
                raise Wrong(
                    _words(str(error)), "correct the template, or the generator's parameters"
                ) from error
        found: list[str] = next(documents(output))["filled"]
        self._store.put(key, found)
        return found


def fast(text: str, params: Params) -> str:
    """`{{name}}` replaced by the parameter of that name; one that is not known, or no text, stays."""

    def value(found: re.Match[str]) -> str:
        known = params.get(found[1].strip())
        return known if found[1].strip() and isinstance(known, str) else found[0]

    return re.sub(r"\{\{(.*?)\}\}", value, text, flags=re.DOTALL)


def require_keys(text: str, params: Params) -> None:
    """`missingkey=error`, which helm has no switch for, for templates without blocks. Raises Wrong."""
    actions = [_TEXT.sub('""', found[1]) for found in _ACTION.finditer(text)]
    if any(_BLOCK.match(action) for action in actions):
        return
    for action in actions:
        for found in _FIELD.finditer(action):
            missing = _missing(found[1].split("."), params)
            if missing:
                why = f'the generator gives no key "{missing}", which {{{{{action}}}}} names'
                raise Wrong(why, "correct the template, or add the parameter to each element")


def _missing(path: Sequence[str], params: Any) -> str:
    for step in path:
        if not isinstance(params, Mapping):
            return ""
        if step not in params:
            return step
        params = params[step]
    return ""


def _ours(text: str) -> str:
    """Argo CD's own functions as helm has them."""

    def action(found: re.Match[str]) -> str:
        words = found[0]
        bare = _TEXT.sub('""', words)
        if re.search(r"\bslugify\b", bare):
            raise Unknown("its template uses slugify, which is not evaluated here", "use normalize")
        return re.sub(r'(?<![\w."])normalize(?![\w"])', 'include "normalize"', words)

    return _ACTION.sub(action, text)


def _words(error: str) -> str:
    """Helm's message without where our chart lies."""
    found = re.search(r"error calling tpl: (.*)", error, re.DOTALL)
    words = (found[1] if found else error).replace("\n\nUse --debug flag to render out invalid YAML", "")
    return re.sub(r"(?:set/templates/\S+?: ?|cannot (?:parse|retrieve) template )", "", words).strip()


def _texts(structure: Any) -> Iterator[str]:
    if isinstance(structure, str):
        yield structure
    elif isinstance(structure, Mapping):
        for key, value in structure.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(structure, list):
        for value in structure:
            yield from _texts(value)


def _replaced(structure: Any, fill: Any) -> Any:
    if isinstance(structure, str):
        return fill(structure)
    if isinstance(structure, Mapping):
        return {fill(str(key)): _replaced(value, fill) for key, value in structure.items()}
    if isinstance(structure, list):
        return [_replaced(value, fill) for value in structure]
    return structure
