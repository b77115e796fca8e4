"""The health check of Applications, run by a Lua interpreter: a verdict about another spec is none.

What manifests/argocd installs and what the linter prescribes have to give the same verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import yaml

from bootstrap.kubernetes.objects import Json
from bootstrap.lint.rules.installation import APP_CHECK, APP_CHECK_BLIND
from tests.manifests import MANIFESTS, read

KEY = "resource.customizations.health.argoproj.io_Application"
GIT = {"repoURL": "https://git.example.com/a.git", "path": "apps/a", "targetRevision": "main"}
HERE = {"server": "https://kubernetes.default.svc", "namespace": "a"}
HYDRATOR = {
    "drySource": {"repoURL": GIT["repoURL"], "path": "dry", "targetRevision": "main"},
    "syncSource": {"targetBranch": "env/dev", "path": "apps/a"},
}
HYDRATED = {"repoURL": GIT["repoURL"], "path": "apps/a", "targetRevision": "env/dev"}
MANY = [GIT, HYDRATED]


def _prescribed(text: str) -> str:
    documents = [one for one in yaml.safe_load_all(text) if "data" in one]
    return str(documents[0]["data"][KEY])


def _installed() -> str:
    return str(read(MANIFESTS / "argocd/health.yaml")[0]["data"][KEY])


CHECKS: dict[str, Callable[[], str]] = {
    "installed": _installed,
    "prescribed": lambda: _prescribed(APP_CHECK.text.passing),
    "prescribed against blindness": lambda: _prescribed(APP_CHECK_BLIND.text.passing),
}


@cache
def health_check(which: str) -> Callable[[Json], Json]:
    lua = import_module("lupa.lua51").LuaRuntime(unpack_returned_tuples=True)  # gopher-lua speaks 5.1
    made = lua.execute(f"return function(obj)\n{CHECKS[which]()}\nend")
    return lambda item: dict(made(_table(lua, item)))


def _table(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _table(lua, inner) for key, inner in value.items()})
    return lua.table_from([_table(lua, inner) for inner in value]) if isinstance(value, list) else value


def application(compared: Json | None, spec: Json | None = None, **status: Any) -> Json:
    """Synced and Healthy, compared with what is given."""
    sync = {"status": status.pop("sync", "Synced"), "revision": "a" * 40}
    if compared is not None:
        sync["comparedTo"] = {"destination": HERE, **compared}
    told = {"health": {"status": "Healthy"}, "operationState": {"phase": "Succeeded"}, **status, "sync": sync}
    return {"spec": {"destination": HERE, **(spec or {"source": GIT})}, "status": told}


def syncing(phase: str) -> Json:
    return application({"source": GIT}, operationState={"phase": phase})


def changed(**fields: Any) -> Json:
    return {"source": {**GIT, **fields}}


@pytest.mark.parametrize("which", CHECKS)
@pytest.mark.parametrize(
    ("item", "verdict"),
    [
        pytest.param(application({"source": GIT}), "Healthy", id="current"),
        pytest.param(application({"source": GIT}, health={"status": "Degraded"}), "Degraded", id="degraded"),
        pytest.param({"spec": {"source": GIT}}, "Progressing", id="no status"),
        pytest.param({"spec": {"source": GIT}, "status": {}}, "Progressing", id="empty status"),
        pytest.param(application(None), "Progressing", id="never compared"),
        pytest.param(application(changed(targetRevision="v1")), "Progressing", id="another revision"),
        pytest.param(application(changed(path="apps/b")), "Progressing", id="another path"),
        pytest.param(
            application({"source": GIT}, changed(helm={"parameters": [{"name": "a", "value": "2"}]})),
            "Progressing",
            id="a parameter more",
        ),
        pytest.param(
            application(changed(helm={"parameters": [{"name": "a", "value": "2"}]})),
            "Progressing",
            id="a parameter less",
        ),
        pytest.param(
            application(
                changed(helm={"valuesObject": {"a": [1, {"b": True}]}}),
                changed(helm={"valuesObject": {"a": [1, {"b": False}]}}),
            ),
            "Progressing",
            id="another value deep inside",
        ),
        pytest.param(
            application({"source": GIT, "destination": {**HERE, "namespace": "b"}}),
            "Progressing",
            id="another destination",
        ),
        pytest.param(
            application({"source": GIT}, changed(helm={}, directory={"recurse": False}, chart="")),
            "Healthy",
            id="empty fields, which Argo CD leaves out",
        ),
        pytest.param(
            application({"sources": MANY, "source": {"repoURL": ""}}, {"sources": MANY}),
            "Healthy",
            id="many sources",
        ),
        pytest.param(
            application({"sources": MANY}, {"sources": [HYDRATED, GIT]}),
            "Progressing",
            id="many sources in another order",
        ),
        pytest.param(application({"source": GIT}, {"sources": [GIT]}), "Progressing", id="became many"),
        pytest.param(
            application({"source": HYDRATED}, {"sourceHydrator": HYDRATOR}), "Healthy", id="hydrated"
        ),
        pytest.param(
            application({"source": GIT}, {"sourceHydrator": HYDRATOR}), "Progressing", id="became hydrated"
        ),
        pytest.param(application({"source": GIT}, sync="OutOfSync"), "Progressing", id="out of sync"),
        pytest.param(application({"source": GIT}, sync="Unknown"), "Progressing", id="unknown"),
        *(pytest.param(syncing(phase), "Progressing", id=phase) for phase in ("Running", "Terminating")),
        pytest.param({**syncing("Succeeded"), "operation": {"sync": {}}}, "Progressing", id="asked for"),
    ],
)
def test_the_verdict(which: str, item: Json, verdict: str) -> None:
    assert health_check(which)(item)["status"] == verdict


def test_without_the_guard_the_old_verdict_passes() -> None:
    """Why it is there: this is how the check of Argo CD's own documentation answers."""
    lua = import_module("lupa.lua51").LuaRuntime()
    copied = lua.execute("return function(obj) return obj.status.health.status end")
    assert copied(_table(lua, application(changed(path="apps/b")))) == "Healthy"
