"""What keeps Argo CD from knowing what to make: project, repository, revision, path, rendering.

Argo CD tells it in the Application's conditions (ComparisonError, InvalidSpecError), an ApplicationSet in
ErrorOccurred; both in prose only. The words are those of Argo CD 3.6 (controller/state.go, util/argo/argo.go,
util/git/client.go, util/helm), git, helm 4 and kustomize 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, turned
from bootstrap.kubernetes.argo import ERRORS, seconds
from bootstrap.kubernetes.objects import APP_PROJECT, APPLICATION_SET, condition, name, spec, status

# The repo-server itself does not answer, or is short of time or memory: Argo CD is starting or busy, and
# nothing is wrong with the source.
_STARTING = re.compile(
    r"code = Unavailable|connection error: desc|code = Canceled|error reading server preface"
    r"|failed to (dial|connect)|:8081|code = DeadlineExceeded desc = context deadline"
    r"|signal: killed|failed (fatal )?timeout after"
)
_WORDS = tuple(
    (cause, re.compile(pattern, re.IGNORECASE))
    for cause, pattern in (
        (
            "project-refuses",
            r"is not permitted in project|is not permitted to use project"
            r"|do(es)? not match any of the allowed destinations|referencing project \S+ which does not exist"
            r"|app is not allowed in project",
        ),
        (
            "revision-missing",
            r"unable to resolve '[^']*' to a commit|couldn't find remote ref|unknown revision"
            r"|reference not found"
            r"|did not match any file\(s\) known to git|not our ref|version \"[^\"]*\" not found"
            r"|no (matching|chart) version|version matching constraint not found|no version for constraints"
            r"|could not locate a version matching|invalid semantic version"
            r"|improper constraint|failed to get version for|chart '[^']*' not found in index"
            r"|chart \"[^\"]*\" .*not found in|manifest unknown|not a valid object name",
        ),
        ("path-missing", r"app path does not exist|path does not exist|no such directory|matched no files"),
        (
            "repo-unreachable",
            r"failed to list refs|repository not found|authentication (required|failed)"
            r"|could not read from remote|could not resolve host|no such host|unable to access '"
            r"|could not read username|permission denied \("
            r"|timeout running|failed to fetch|error (fetching|getting) (index|helm)"
            r"|is not a valid chart repository"
            r"|ssh: handshake failed|error testing repository|dial tcp|proxyconnect|i/o timeout"
            r"|invalid username or|authorization failed|failed to get index|error creating helm registry"
            r"|unexpected status code .*: \d{3}|failed to (do request|authorize)",
        ),
        (
            "helm-render",
            r"helm template|helm dependency|execution error at|error calling include|chart\.yaml",
        ),
        ("kustomize-render", r"kustomize build|kustomization"),
        (
            "manifest-invalid",
            r"failed to unmarshal|error converting yaml|yaml: |error unmarshaling|did not find expected",
        ),
    )
)


def rule(scene: Scene) -> Iterator[Candidate]:
    view = scene.view
    if view is None:
        yield from _set(scene)
        return
    for entry in status(view.item).get("conditions") or ():
        text = str(entry.get("message") or "")
        if project_gone(text) and scene.picture.of(APP_PROJECT):
            continue  # it is there: Argo CD has just started and has not read it yet
        if entry.get("type") in ERRORS and (cause := classify(text)):
            since = seconds(str(entry.get("lastTransitionTime") or "")) or born(view.item)
            yield _candidate(scene, cause, text, since)
    told = any(entry.get("status") == "SyncFailed" for entry in view.sync_results)  # sync.py knows more
    if view.failed and not told and (cause := classify(view.operation_message)):
        yield _candidate(scene, cause, view.operation_message, seconds(view.operation_started))


def _set(scene: Scene) -> Iterator[Candidate]:
    """What an ApplicationSet says about its generators."""
    for item in scene.picture.of(APPLICATION_SET):
        error = condition(item, "ErrorOccurred") or {}
        if name(item) == scene.app and error.get("status") == "True":
            text = str(error.get("message") or "")
            if cause := classify(text):
                yield _candidate(scene, cause, text, turned(item, "ErrorOccurred"))


def classify(text: str) -> str:
    """The cause that a message of Argo CD speaks of; empty when none of these."""
    if starting(text):
        return ""
    return next((cause for cause, pattern in _WORDS if pattern.search(text)), "")


def project_gone(text: str) -> bool:
    """Whether Argo CD says that an AppProject is not there."""
    return bool(re.search(r"referencing project \S+ which does not exist", text))


def starting(text: str) -> bool:
    """Whether Argo CD's own repo-server does not answer."""
    return bool(_STARTING.search(text)) and "failed to list refs" not in text


def _candidate(scene: Scene, cause: str, text: str, since: float | None) -> Candidate:
    return Candidate(cause, _path(scene, cause), brief(innermost(text)), _command(scene, cause), since)


def _path(scene: Scene, cause: str) -> tuple[str, ...]:
    view = scene.view
    if view is None:
        return ()
    if cause == "project-refuses":
        return (f"AppProject {spec(view.item).get('project', 'default')}",)
    sources = [source for source in view.wanted_sources if not source.get("ref") or source.get("path")]
    source = next(iter(sources or view.wanted_sources), {})
    repository = f"repository {source.get('repoURL')}"
    where = source.get("chart") or source.get("path") or ""
    at = f" at {source.get('targetRevision')}" if source.get("targetRevision") else ""
    match cause:
        case "repo-unreachable":
            return (repository,)
        case "revision-missing":
            return (repository, f"{where}{at}".strip())
    return (repository, f"{'chart' if source.get('chart') else 'path'} {where}")


def _command(scene: Scene, cause: str) -> str:
    view = scene.view
    if cause == "project-refuses" and view is not None:
        project = str(spec(view.item).get("project", "default"))
        return scene.kubectl("get", "appproject", project, "-o", "yaml", space=scene.config.gitops.namespace)
    source = next(iter(view.wanted_sources), {}) if view is not None else {}
    if cause in {"repo-unreachable", "revision-missing"} and source.get("repoURL"):
        url, chart = str(source["repoURL"]), source.get("chart")
        return f"helm show chart {chart} --repo {url}" if chart else f"git ls-remote {url}"
    return scene.bootstrap("lint")


def innermost(text: str) -> str:
    """The part of a message after the wrapping of remote calls and quoted commands: what is really wrong."""
    said = re.split(r"desc = |exit status \d+: |failed to generate manifest for source \d+ of \d+: ", text)
    return said[-1] if said[-1].strip() else text
