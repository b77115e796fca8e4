"""The loop: runs the programs of Ready pods as components, one process for each program.

It behaves like a kubelet. A program starts with the environment of that moment, a new pod means a new
process, mounted files follow their ConfigMap or Secret, and each program uses a token of its ServiceAccount
that is bound to the pod, so that RBAC applies.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from bootstrap.core.files import write_private, write_private_if_changed
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import (
    POD,
    Json,
    Key,
    Kind,
    created,
    dig,
    is_true,
    labels_of,
    name,
    namespace,
    terminating,
    uid,
)
from bootstrap.kubernetes.transport import Request, Transport
from bootstrap.local.components import Component
from bootstrap.local.components.desired import Desired
from bootstrap.local.pki.cluster import kubeconfig
from bootstrap.local.state.site import Site
from bootstrap.local.workloads import container as containers
from bootstrap.local.workloads.programs import INIT_PROGRAMS, PROGRAMS, Program

TICK = 2.0  # seconds between two checks of mounted ConfigMaps and Secrets
TOKEN_LIFE = 365 * 86400  # seconds
INIT_PATIENCE = 60  # seconds

log = logging.getLogger(__name__)


class Kubelet:
    def __init__(
        self, cluster: Cluster, transport: Transport, site: Site, desired: Desired, authority: bytes
    ) -> None:
        self._cluster, self._transport, self._site, self._desired = cluster, transport, site, desired
        self._authority = authority

    def run(self, stop: threading.Event) -> None:
        with Informer(self._cluster, Scope(POD)) as cache:
            while not stop.is_set():
                cache.wait(TICK)
                if cache.synced():
                    self._reconcile(cache.items(POD))

    def serving(self, space: str, selector: Mapping[str, str]) -> int | None:
        """The local port of the real program behind a Service, if there is one. It may not listen yet."""
        wanted = ",".join(f"{label}={value}" for label, value in selector.items())
        pods = self._cluster.list(POD, space, labels=wanted) if wanted else ()
        programs = filter(None, map(program_of, pods))
        return next((self._site.ports[each.serves] for each in programs if each.serves), None)

    def _reconcile(self, pods: Iterable[Json]) -> None:
        wanted = choose(pods, {program.name: self._revision(program) for program in PROGRAMS})
        for program in PROGRAMS:
            pod = wanted.get(program.name)
            if pod is None:
                self._end(program)
                continue
            try:
                self._keep(program, pod)
            except containers.MissingReference as missing:
                log.info("%s waits for %s", program.name, missing)

    def _revision(self, program: Program) -> str:
        component = self._desired.get(program.name)
        return component.revision if component else ""

    def _end(self, program: Program) -> None:
        if self._desired.get(program.name):
            log.info("stopping %s: its pod is gone", program.name)
            self._desired.forget(program.name)
            shutil.rmtree(self._site.layout.workloads / program.name, ignore_errors=True)

    def _keep(self, program: Program, pod: Json) -> None:
        runner = _Runner(self._cluster, self._site, pod, self._site.layout.workloads / program.name)
        main = matching(pod, program)
        empty = runner.mount(main)
        if self._revision(program) == uid(pod):
            return
        if program.secrets_first and empty:
            raise containers.MissingReference(f"files of {', '.join(empty)}")
        log.info("%s starts for pod %s/%s", program.name, namespace(pod), name(pod))
        self._credentials(pod, runner)
        for init in dig(pod, "spec", "initContainers") or ():
            for candidate in INIT_PROGRAMS:
                if fits(init, candidate):
                    runner.initialise(candidate, init)
        self._desired.want(runner.component(program, main))

    def _credentials(self, pod: Json, runner: _Runner) -> None:
        account = dig(pod, "spec", "serviceAccountName") or "default"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "expirationSeconds": TOKEN_LIFE,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name(pod), "uid": uid(pod)},
            },
        }
        path = f"/api/v1/namespaces/{namespace(pod)}/serviceaccounts/{account}/token"
        answer = self._transport.send(Request("POST", path, body=request)).json()
        server = self._site.url("kube-apiserver", "https")
        write_private(
            runner.kubeconfig,
            kubeconfig(
                server, self._authority, account, {"token": answer["status"]["token"]}, namespace(pod)
            ),
        )


class _Runner:
    """Runs one container of a pod here, with `root` as its file system."""

    def __init__(self, cluster: Cluster, site: Site, pod: Json, folder: Path) -> None:
        self._cluster, self._site, self._pod, self._root = cluster, site, pod, folder / "root"
        self.kubeconfig = folder / "kubeconfig"
        self._seen: dict[tuple[Kind, str], Json | None] = {}

    def mount(self, main: Json) -> list[str]:
        """Write the files of all volumes. Returns the mount paths that have none."""
        empty = []
        for path, files in containers.mounts(main, self._pod, self._lookup):
            folder = self._below(path)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file, content in files.items():
                write_private_if_changed(folder / file, content)
            if not files:
                empty.append(path)
        return empty

    def component(self, program: Program, main: Json) -> Component:
        environment = self._environment(program, main)
        self._site.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, text in program.files.items():
            write_private(self._root / file, self._fill(text, environment))
        return Component(
            name=program.name,
            argv=(str(self._site.tools[program.tool]), *self._arguments(program, main, environment)),
            environment=environment,
            probe=program.probe(self._site.ports),
            needs=("kube-apiserver",),
            revision=uid(self._pod),
        )

    def initialise(self, program: Program, init: Json) -> None:
        """Run an init container to its end. Raises subprocess.SubprocessError if it fails."""
        environment = {**self._environment(program, init), "HOME": str(self._root)}
        argv = [str(self._site.tools[program.tool]), *self._arguments(program, init, environment)]
        subprocess.run(
            argv,
            env=environment,
            check=True,
            capture_output=True,
            timeout=INIT_PATIENCE,
            stdin=subprocess.DEVNULL,
        )

    def _environment(self, program: Program, main: Json) -> dict[str, str]:
        own = {
            key: containers.relocate(value, self._paths(main), self._root)
            for key, value in containers.environment(main, self._pod, self._lookup).items()
        }
        return {
            "PATH": self._site.search_path,
            **(self._site.upstream_environment if program.upstream else {}),
            **(self._site.aws_environment if program.aws else {}),
            **{key: self._fill(value, {}) for key, value in program.defaults.items()},
            **own,
            **{key: self._fill(value, {}) for key, value in program.environment.items()},
            "KUBECONFIG": str(self.kubeconfig),
            "GOMEMLIMIT": f"{program.memory}MiB",
        }

    def _arguments(self, program: Program, main: Json, environment: Mapping[str, str]) -> list[str]:
        if program.arguments is not None:
            return [self._fill(text, environment) for text in program.arguments]
        given = containers.words(main)
        if (program.word and "/" in given[0]) or program.word == program.tool:
            given = given[1:]  # the program itself; otherwise the first word is a subcommand
        paths = self._paths(main)
        own = [containers.relocate(containers.expand(text, environment), paths, self._root) for text in given]
        return own + [self._fill(text, environment) for text in program.flags]

    def _fill(self, text: str, environment: Mapping[str, str]) -> str:
        sockets = self._site.sockets
        return text.format(p=self._site.ports, root=self._root, sockets=sockets, env=environment)

    def _paths(self, main: Json) -> list[str]:
        return [mount["mountPath"] for mount in main.get("volumeMounts") or ()]

    def _below(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _lookup(self, kind: Kind, called: str) -> Json | None:
        if (kind, called) not in self._seen:
            self._seen[kind, called] = self._cluster.find(Key(kind, namespace(self._pod), called))
        return self._seen[kind, called]


def choose(pods: Iterable[Json], running: Mapping[str, str]) -> dict[str, Json]:
    """One Ready pod for each program: that with UID `running[program]`, else the oldest."""
    able = sorted(
        (pod for pod in pods if is_true(pod, "Ready") and not terminating(pod)),
        key=lambda pod: (created(pod), name(pod)),
    )
    found: dict[str, Json] = {}
    for program in PROGRAMS:
        fitting = [pod for pod in able if program == program_of(pod)]
        same = [pod for pod in fitting if uid(pod) == running.get(program.name)]
        if fitting:
            found[program.name] = (same or fitting)[0]
    return found


def program_of(pod: Json) -> Program | None:
    """The first program that matches one of the pod's containers."""
    app = labels_of(pod).get("app.kubernetes.io/name", "")
    for program in PROGRAMS:
        if program.app in ("", app) and any(
            fits(each, program) for each in dig(pod, "spec", "containers") or ()
        ):
            return program
    return None


def matching(pod: Json, program: Program) -> Json:
    return next(candidate for candidate in pod["spec"]["containers"] if fits(candidate, program))


def fits(candidate: Json, program: Program) -> bool:
    image = f"/{containers.repository(candidate.get('image', ''))}"
    if not image.endswith(f"/{program.image}"):
        return False
    given = containers.words(candidate)
    return not program.word or (bool(given) and given[0].rpartition("/")[2] == program.word)
