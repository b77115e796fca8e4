"""Pods whose program really runs: from pod spec to process."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.objects import CONFIG_MAP, SECRET, Json, Kind
from bootstrap.kubernetes.transport import Request, Response, Stream
from bootstrap.local.components import Component
from bootstrap.local.components.desired import Desired
from bootstrap.local.state import ports
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from bootstrap.local.workloads.container import (
    MissingReference,
    environment,
    expand,
    mounts,
    relocate,
    repository,
    words,
)
from bootstrap.local.workloads.kubelet import Kubelet, choose, program_of
from bootstrap.local.workloads.programs import INIT_PROGRAMS, PROGRAMS
from tests.kubernetes_fake import FakeServer
from tests.local_credentials import LOCAL


def encoded(**content: str) -> dict[str, str]:
    return {name: b64encode(value.encode()).decode() for name, value in content.items()}


OBJECTS: dict[tuple[Kind, str], Json] = {
    (CONFIG_MAP, "params"): {"data": {"log.level": "debug"}, "binaryData": encoded(blob="bytes")},
    (SECRET, "redis"): {"data": encoded(auth="s3cret")},
}


def lookup(kind: Kind, called: str) -> Json | None:
    return OBJECTS.get((kind, called))


# -- containers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("quay.io/argoproj/argocd:v3.6.1", "quay.io/argoproj/argocd"),
        ("localhost:5000/a/b@sha256:abc", "localhost:5000/a/b"),
        ("nginx", "nginx"),
        ("nginx:1", "nginx"),
    ],
)
def test_the_repository_of_an_image(image: str, expected: str) -> None:
    assert repository(image) == expected


def test_environment_as_a_kubelet_resolves_it() -> None:
    container = {
        "envFrom": [{"prefix": "X_", "secretRef": {"name": "redis"}}],
        "env": [
            {"name": "PLAIN", "value": "a"},
            {"name": "EMPTY"},
            {"name": "USES", "value": "$(PLAIN)-$(UNKNOWN)-$$(PLAIN)"},
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "params", "key": "log.level"}}},
            {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "x", "optional": True}}},
            {
                "name": "GONE",
                "valueFrom": {"configMapKeyRef": {"name": "params", "key": "x", "optional": True}},
            },
            {"name": "AUTH", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "auth"}}},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    }
    assert environment(container, {"metadata": {"namespace": "argocd"}}, lookup) == {
        "X_auth": "s3cret",
        "PLAIN": "a",
        "EMPTY": "",
        "USES": "a-$(UNKNOWN)-$(PLAIN)",
        "LEVEL": "debug",
        "AUTH": "s3cret",
        "NAMESPACE": "argocd",
    }


@pytest.mark.parametrize("reference", [{"name": "no", "key": "x"}, {"name": "redis", "key": "no"}])
def test_what_is_missing_and_not_optional_holds_up_the_start(reference: dict[str, str]) -> None:
    container = {"env": [{"name": "A", "valueFrom": {"secretKeyRef": reference}}]}
    with pytest.raises(MissingReference, match=reference["name"]):
        environment(container, {}, lookup)


@given(st.text(), st.dictionaries(st.from_regex(r"[A-Z]+", fullmatch=True), st.text()))
def test_text_without_references_stays(text: str, variables: dict[str, str]) -> None:
    plain = text.replace("$", "")
    assert expand(plain, variables) == plain


def test_mounted_files() -> None:
    pod = {
        "spec": {
            "volumes": [
                {"name": "scratch", "emptyDir": {}},
                {
                    "name": "params",
                    "configMap": {"name": "params", "items": [{"key": "blob", "path": "b.bin"}]},
                },
                {"name": "tls", "secret": {"secretName": "none", "optional": True}},
                {"name": "all", "projected": {"sources": [{"secret": {"name": "redis"}}]}},
            ]
        }
    }
    names = ("scratch", "params", "tls", "all")
    container = {"volumeMounts": [{"name": each, "mountPath": f"/{each}"} for each in names]}
    assert dict(mounts(container, pod, lookup)) == {
        "/scratch": {},
        "/params": {"b.bin": b"bytes"},
        "/tls": {},
        "/all": {"auth": b"s3cret"},
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--cert-dir=/scratch/certs", "--cert-dir=/root dir/scratch/certs"),
        ("/scratch/certs/tls.crt", "/root dir/scratch/certs/tls.crt"),
        ("/scratch", "/root dir/scratch"),
        ("/scratchfile", "/scratchfile"),
        ("/usr/scratch", "/usr/scratch"),
        ("--level=info", "--level=info"),
    ],
)
def test_paths_in_a_container_become_paths_here(text: str, expected: str) -> None:
    assert relocate(text, ["/scratch", "/scratch/certs"], Path("/root dir")) == expected


def test_words_are_command_and_arguments() -> None:
    assert words({"command": ["a"], "args": ["b"]}) == ["a", "b"]
    assert words({}) == []


# -- which pods --------------------------------------------------------------------------------------


def pod(called: str, image: str, args: list[str] | None = None, **more: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": called,
            "namespace": "argocd",
            "uid": f"uid-{called}",
            "labels": more.get("labels", {}),
            "creationTimestamp": more.get("created", "2026-01-01T00:00:00Z"),
            **({"deletionTimestamp": "x"} if more.get("terminating") else {}),
        },
        "spec": {
            "serviceAccountName": more.get("account", called),
            "containers": [{"name": "main", "image": image, "args": args or [], **more.get("container", {})}],
            **more.get("spec", {}),
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if more.get("ready", True) else "False"}]
        },
    }


ARGOCD = "quay.io/argoproj/argocd:v3.6.1"
ESO = "oci.external-secrets.io/external-secrets/external-secrets:v0.19.2"
REDIS = {"app.kubernetes.io/name": "argocd-redis"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pod("a", ARGOCD, ["/usr/local/bin/argocd-repo-server"]), "argocd-repo-server"),
        (pod("a", ARGOCD, ["/usr/local/bin/argocd-notifications"]), None),
        (pod("a", ESO, ["webhook", "--port=10250"]), "external-secrets-webhook"),
        (pod("a", ESO, ["certcontroller"]), "external-secrets-cert-controller"),
        (pod("a", ESO, ["--concurrent=1"]), "external-secrets"),
        (pod("a", "public.ecr.aws/docker/library/redis:8", labels=REDIS), "argocd-redis"),
        (pod("a", "public.ecr.aws/docker/library/redis:8"), None),
        (pod("a", "evil.io/fake-argoproj/argocd", ["argocd-server"]), None),
        (pod("a", "nginx"), None),
    ],
)
def test_a_pod_s_program_is_told_by_image_and_words(found: Json, expected: str | None) -> None:
    program = program_of(found)
    assert (program.name if program else None) == expected


def test_one_pod_runs_and_keeps_running() -> None:
    old = pod("old", ESO, ["webhook"])
    new = pod("new", ESO, ["webhook"], created="2026-02-02T00:00:00Z")
    name = "external-secrets-webhook"
    assert choose([new, old], {})[name] is old
    assert choose([new, old], {name: "uid-new"})[name] is new
    assert choose([pod("old", ESO, ["webhook"], ready=False), new], {name: "uid-old"})[name] is new
    assert choose([pod("old", ESO, ["webhook"], terminating=True)], {}) == {}


def test_every_program_has_ports_and_a_tool() -> None:
    for program in (*PROGRAMS, *INIT_PROGRAMS):
        assert program.port in ports.NAMES
        assert not program.serves or program.serves in ports.NAMES
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


# -- the loop ----------------------------------------------------------------------------------------


class Tokens:
    """Answers TokenRequests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(json.dumps({"status": {"token": f"token{len(self.requests)}"}}).encode())

    def stream(self, request: Request) -> Stream:
        raise NotImplementedError


class Stage:
    def __init__(self, root: Path) -> None:
        self.layout = StateLayout(root)
        tools = {
            "argocd": Path("/bin/argocd"),
            "external-secrets": Path("/bin/eso"),
            "redis-server": Path("/bin/rs"),
        }
        tools["argocd"] = Path(sys.executable)  # an init container runs it: it must be something that exists
        self.ports = ports.locate(self.layout.ports, lambda port: True)
        self.site = Site(self.layout, self.ports, tools, root / "share", "ap-northeast-2", root / "s", LOCAL)
        self.desired, self.server, self.tokens = Desired(self.layout.desired), FakeServer(), Tokens()
        self.kubelet = Kubelet(self.server.cluster, self.tokens, self.site, self.desired, b"CA")

    def see(self, *pods: Json) -> None:
        self.kubelet._reconcile(pods)

    def component(self, called: str) -> Component:
        found = self.desired.get(called)
        assert found
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "with space")


def controller(**more: Any) -> Json:
    env = [{"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "l", "optional": True}}}]
    return pod("eso", ESO, ["--concurrent=1", "--metrics-addr=:8080"], container={"env": env}, **more)


def test_a_ready_pod_becomes_a_process_with_its_own_rights(stage: Stage) -> None:
    stage.see(controller(account="eso-account"))
    found = stage.component("external-secrets")
    assert found.argv[:3] == ("/bin/eso", "--concurrent=1", "--metrics-addr=:8080")
    assert found.argv[-1] == f"--metrics-addr=127.0.0.1:{stage.ports['external-secrets']}"
    assert found.environment["AWS_SSM_ENDPOINT"] == f"http://127.0.0.1:{stage.ports['aws']}"
    assert found.revision == "uid-eso"
    (request,) = stage.tokens.requests
    assert request.path == "/api/v1/namespaces/argocd/serviceaccounts/eso-account/token"
    assert request.body["spec"]["boundObjectRef"]["uid"] == "uid-eso"
    kubeconfig = Path(found.environment["KUBECONFIG"])
    assert json.loads(kubeconfig.read_text())["users"][0]["user"] == {"token": "token1"}
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def test_the_same_pod_starts_once_even_when_its_configuration_changes(stage: Stage) -> None:
    stage.see(controller())
    before = stage.component("external-secrets")
    stage.server.put(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cm", "namespace": "argocd"},
            "data": {"l": "9"},
        }
    )
    stage.see(controller())
    assert stage.component("external-secrets") == before
    stage.see({**controller(), "metadata": {**controller()["metadata"], "uid": "uid-new"}})
    assert stage.component("external-secrets").environment["LEVEL"] == "9"


def test_without_its_pod_a_program_ends(stage: Stage) -> None:
    stage.see(controller())
    stage.see()
    assert stage.desired.all() == {}
    assert not (stage.layout.workloads / "external-secrets").exists()


def test_it_waits_for_the_secret_it_needs(stage: Stage) -> None:
    env = [{"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}}}]
    server = pod("repo", ARGOCD, ["/usr/local/bin/argocd-repo-server"], container={"env": env})
    stage.see(server)
    assert stage.desired.all() == {}
    put_secret(stage, "argocd-redis", auth="s3cret")
    stage.see(server)
    found = stage.component("argocd-repo-server")
    assert found.environment["REDIS_PASSWORD"] == "s3cret"
    assert found.environment["ARGOCD_BINARY_NAME"] == "argocd-repo-server"
    assert not any("s3cret" in word for word in found.argv)
    assert "/usr/local/bin/argocd-repo-server" not in found.argv


def test_the_password_of_redis_is_in_a_file(stage: Stage) -> None:
    put_secret(stage, "argocd-redis", auth="s3cret")
    env = [{"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "argocd-redis", "key": "auth"}}}]
    args = ["--save", "", "--requirepass $(REDIS_PASSWORD)"]
    stage.see(pod("redis", "docker.io/library/redis:8", args, labels=REDIS, container={"env": env}))
    found = stage.component("argocd-redis")
    assert len(found.argv) == 2
    settings = Path(found.argv[1])
    assert "requirepass s3cret" in settings.read_text()
    assert settings.stat().st_mode & 0o777 == 0o600


def test_the_webhook_starts_with_its_certificate_and_follows_it(stage: Stage) -> None:
    mount = {"volumeMounts": [{"name": "certs", "mountPath": "/scratch/certs"}]}
    volumes = {"volumes": [{"name": "certs", "secret": {"secretName": "tls"}}]}
    webhook = pod(
        "hook",
        ESO,
        ["webhook", "--cert-dir=/scratch/certs"],
        container=mount,
        spec=volumes,
        labels={"app": "x"},
    )
    put_secret(stage, "tls")
    stage.see(webhook)
    assert stage.desired.all() == {}
    put_secret(stage, "tls", **{"tls.crt": "one"})
    stage.see(webhook)
    found = stage.component("external-secrets-webhook")
    folder = Path(next(word for word in found.argv if word.startswith("--cert-dir=")).partition("=")[2])
    assert (folder / "tls.crt").read_text() == "one"
    put_secret(stage, "tls", **{"tls.crt": "two"})
    stage.see(webhook)
    assert (folder / "tls.crt").read_text() == "two"
    assert stage.component("external-secrets-webhook") == found


def test_a_real_program_is_known_before_it_listens(stage: Stage) -> None:
    stage.server.put(pod("hook", ESO, ["webhook"], labels={"app": "x"}))
    stage.server.put(pod("other", "nginx", labels={"app": "y"}))
    assert stage.kubelet.serving("argocd", {"app": "x"}) == stage.ports["external-secrets-webhook"]
    assert stage.kubelet.serving("argocd", {"app": "y"}) is None
    assert stage.kubelet.serving("other", {"app": "x"}) is None
    assert stage.kubelet.serving("argocd", {}) is None


def put_secret(stage: Stage, called: str, **content: str) -> None:
    meta = {"name": called, "namespace": "argocd"}
    stage.server.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded(**content)})
