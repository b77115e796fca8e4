"""Which containers can really run here, and what they need to run without a container. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.local.components import Probe


@dataclass(frozen=True)
class Program:
    """Matches containers of an image (the end of its repository) whose first word has that base name, in pods
    with that `app.kubernetes.io/name`; an empty `word` or `app` matches any.

    Texts may contain {p[name]}, a port of the platform, {root}, the folder that is the container's `/`, and
    {sockets}, a folder for Unix sockets.
    `flags` follow the pod's own arguments and so override them. `environment` overrides the pod's, `defaults`
    do not. `serves` names the port that the pod's Services lead to. `secrets_first`: do not start while a
    mounted Secret is empty. `port` and `path` are its readiness probe. `arguments`, if given, replace the
    pod's.
    """

    name: str
    image: str
    word: str
    tool: str
    port: str
    path: str = ""
    flags: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    app: str = ""
    serves: str = ""
    secrets_first: bool = False
    aws: bool = False
    upstream: bool = False
    memory: int = 150  # MiB, a soft limit: the garbage collector works harder beyond it

    def probe(self, ports: Mapping[str, int]) -> Probe:
        return Probe(ports[self.port], self.path)


_ARGOCD = "argoproj/argocd"
_ESO = "external-secrets/external-secrets"

_ARGOCD_ENVIRONMENT = {
    "ARGOCD_FAKE_IN_CLUSTER": "true",  # https://kubernetes.default.svc means the cluster of KUBECONFIG
    "ARGOCD_GPG_ENABLED": "false",
    "ARGOCD_GPG_DATA_PATH": "{root}/app/config/gpg/source",
    "GNUPGHOME": "{root}/app/config/gpg/keys",
    "ARGOCD_TLS_DATA_PATH": "{root}/app/config/tls",
    "ARGOCD_SSH_DATA_PATH": "{root}/app/config/ssh",
    "ARGOCD_PLUGINSOCKFILEPATH": "{root}/home/argocd/cmp-server/plugins",
    "ARGOCD_ASK_PASS_SOCK": "{sockets}/ask-pass",  # its own choice is one name in /tmp for everybody
    "REDIS_SERVER": "127.0.0.1:{p[argocd-redis]}",
    "ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER": "unix://{sockets}/repo-server",
    "ARGOCD_APPLICATIONSET_CONTROLLER_REPO_SERVER": "unix://{sockets}/repo-server",
    "ARGOCD_SERVER_REPO_SERVER": "unix://{sockets}/repo-server",
}


def _argocd(word: str, port: str, path: str, flags: tuple[str, ...], memory: int, **more: str) -> Program:
    environment = {**_ARGOCD_ENVIRONMENT, "ARGOCD_BINARY_NAME": word}
    return Program(
        name=word,
        image=_ARGOCD,
        word=word,
        tool="argocd",
        port=port,
        path=path,
        flags=flags,
        environment=environment,
        # Two cores, not a cluster: fewer things at once take no longer and need less memory.
        defaults=more,
        upstream=True,
        memory=memory,
    )


PROGRAMS = (
    Program(
        name="argocd-redis",
        image="library/redis",
        word="",
        app="argocd-redis",
        tool="redis-server",
        port="argocd-redis",
        arguments=("{root}/etc/redis.conf",),
        # The password goes into a file: everybody on the machine can read arguments.
        files={
            "etc/redis.conf": 'bind 127.0.0.1\nport {p[argocd-redis]}\nsave ""\nappendonly no\n'
            "set-proc-title no\n"  # a title would overwrite the environment that identifies the process
            "maxmemory 96mb\nmaxmemory-policy allkeys-lru\nrequirepass {env[REDIS_PASSWORD]}\n"
        },
    ),
    _argocd(
        "argocd-repo-server",
        "argocd-repo-server-metrics",
        "/healthz",
        (
            "--address={sockets}/repo-server",
            "--metrics-address=127.0.0.1",
            "--metrics-port={p[argocd-repo-server-metrics]}",
        ),
        memory=150,
        ARGOCD_REPO_SERVER_PARALLELISM_LIMIT="3",
    ),
    _argocd(
        "argocd-application-controller",
        "argocd-application-controller",
        "/healthz",
        ("--metrics-port={p[argocd-application-controller]}",),
        memory=400,
        ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS="6",
        ARGOCD_APPLICATION_CONTROLLER_OPERATION_PROCESSORS="4",
        ARGOCD_APPLICATION_CONTROLLER_KUBECTL_PARALLELISM_LIMIT="4",
    ),
    _argocd(
        "argocd-applicationset-controller",
        "argocd-applicationset-controller-metrics",
        "/metrics",
        (
            "--enable-leader-election=false",
            "--probe-addr=127.0.0.1:{p[argocd-applicationset-controller]}",
            "--metrics-addr=127.0.0.1:{p[argocd-applicationset-controller-metrics]}",
            "--webhook-addr=127.0.0.1:{p[argocd-applicationset-controller-webhook]}",
        ),
        memory=110,
    ),
    _argocd(
        "argocd-server",
        "argocd-server-metrics",
        "/metrics",
        (
            "--address=127.0.0.1",
            "--port={p[argocd-server]}",
            "--metrics-address=127.0.0.1",
            "--metrics-port={p[argocd-server-metrics]}",
        ),
        memory=110,
    ),
    Program(
        name="external-secrets-webhook",
        image=_ESO,
        word="webhook",
        tool="external-secrets",
        port="external-secrets-webhook-metrics",
        path="/metrics",
        secrets_first=True,  # it retries a missing certificate only every 10 s
        flags=(
            "--port={p[external-secrets-webhook]}",
            "--metrics-addr=127.0.0.1:{p[external-secrets-webhook-metrics]}",
            "--healthz-addr=127.0.0.1:{p[external-secrets-webhook-health]}",
        ),
        serves="external-secrets-webhook",
        memory=60,
    ),
    Program(
        name="external-secrets-cert-controller",
        image=_ESO,
        word="certcontroller",
        tool="external-secrets",
        port="external-secrets-cert-controller",
        path="/metrics",
        flags=(
            "--enable-leader-election=false",
            "--metrics-addr=127.0.0.1:{p[external-secrets-cert-controller]}",
            "--healthz-addr=127.0.0.1:{p[external-secrets-cert-controller-health]}",
        ),
        memory=80,
    ),
    Program(
        name="external-secrets",
        image=_ESO,
        word="",
        tool="external-secrets",
        port="external-secrets",
        path="/metrics",
        flags=(
            "--enable-leader-election=false",
            "--metrics-addr=127.0.0.1:{p[external-secrets]}",
        ),
        environment={
            "AWS_SSM_ENDPOINT": "http://127.0.0.1:{p[aws]}",
            "AWS_SECRETSMANAGER_ENDPOINT": "http://127.0.0.1:{p[aws]}",
            "AWS_STS_ENDPOINT": "http://127.0.0.1:{p[aws]}",
        },
        aws=True,
        memory=100,
    ),
)

# Init containers whose work the real programs need; all others are skipped.
INIT_PROGRAMS = (
    Program(
        name="argocd-redis-secret-init",
        image=_ARGOCD,
        word="argocd",
        tool="argocd",
        port="argocd-redis",
        environment={"ARGOCD_BINARY_NAME": "argocd"},
    ),
)
