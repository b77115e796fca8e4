"""A root Application of each form on the platform: what was read is what Argo CD makes of it.

One platform for all of them: between two runs only the root's folder and `gitops.source` change. The
Applications below it stay, so each run proves that Argo CD finds them again.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import APPLICATION, Json
from tests.api_server import TOOLCHAIN
from tests.end_to_end.product import REPOSITORY, Product
from tests.kills.run import end
from tests.platform.small_tree import lay_out

pytestmark = pytest.mark.platform

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
NAMES = {"crds", "namespaces", "storage", "dev-secrets-operator", "secrets-cr", "settings"}
WAVES = {0, 2, 3, 10, 11, 12}


@dataclass(frozen=True)
class Form:
    """How the files of the folder `apps` are arranged, and what `gitops.source` says of it."""

    name: str
    source: Mapping[str, Any]

    def arrange(self, apps: Mapping[str, str]) -> dict[str, str]:
        """Files below the root's folder."""
        listed = yaml.safe_dump({"resources": sorted(apps)})
        stray = {"stray.yaml": apps["12-settings.yaml"].replace("settings", "stray")}
        match self.name:
            case "recursive":
                return {f"wave-{file[:2]}/{file}": text for file, text in apps.items()}
            case "patterns":
                return {**apps, **stray, "old.yaml": apps["03-storage.yaml"]}
            case "kustomization":
                return {**apps, **stray, "kustomization.yaml": listed}
            case "chart":
                return {**_chart(apps), "dev.yaml": "wave: 13\n"}
        return dict(apps)


def _chart(apps: Mapping[str, str]) -> dict[str, str]:
    """Each file a template; the last wave is a value."""
    templates = {f"templates/{file}": _escaped(text) for file, text in apps.items()}
    last = "templates/12-settings.yaml"
    templates[last] = templates[last].replace("'12'", "{{ .Values.wave | quote }}")
    chart = {"apiVersion": "v2", "name": "platform", "version": "0.1.0"}
    return {**templates, "Chart.yaml": yaml.safe_dump(chart), "values.yaml": "wave: 99\n"}


def _escaped(text: str) -> str:
    return text.replace("{{", "{{`{{`}}")


FORMS = (
    Form("folder", {}),
    Form("recursive", {"directory": {"recurse": True}}),
    Form("patterns", {"directory": {"include": "[0-9][0-9]-*.yaml", "exclude": "old*"}}),
    Form("kustomization", {}),
    Form(
        "chart",
        {"helm": {"valueFiles": ["dev.yaml"], "parameters": [{"name": "wave", "value": "12"}]}},
    ),
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("forms") / "tree"
    lay_out(folder, {}, {"settings": [CONFIG_MAP]})
    made = Product(folder, {"PYTHONPATH": str(REPOSITORY), "BOOTSTRAP_CACHE": str(TOOLCHAIN.cache)})
    yield made
    end(made)


@pytest.fixture(scope="module")
def apps(product: Product) -> dict[str, str]:
    return {file.name: file.read_text() for file in (product.clone / "apps").iterdir()}


def reshape(folder: Path, form: Form, apps: Mapping[str, str]) -> None:
    """The tree in that form, committed."""
    shutil.rmtree(folder / "apps")
    for path, text in form.arrange(apps).items():
        file = folder / "apps" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    file = folder / "bootstrap.yaml"
    config = yaml.safe_load(file.read_text())
    config["environments"]["local"]["gitops"]["source"] = dict(form.source)
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    for arguments in (("add", "--all"), ("commit", "--quiet", "--allow-empty", "-m", form.name)):
        subprocess.run([*git, *arguments], cwd=folder, check=True)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_it_comes_up_as_it_was_read(form: Form, product: Product, apps: Mapping[str, str]) -> None:
    reshape(product.clone, form, apps)
    planned = product.run("plan")
    assert planned.code == 0, planned.words
    (read,) = planned.lines
    assert {wave["wave"] for wave in read["waves"]} == WAVES
    assert read["lint"][0].startswith("6 Applications in 6 waves, 0 errors")
    assert {app for wave in read["waves"] for app in wave["apps"]} == NAMES
    up = product.run("up", "--yes")
    assert up.code == 0, up.words[-4000:]
    live = {app["metadata"]["name"]: app for app in _applications(product)}
    assert live.keys() == NAMES | {"root"}
    source = live.pop("root")["spec"]["source"]
    assert {key: source[key] for key in form.source} == form.source
    assert all(app["status"]["sync"]["status"] == "Synced" for app in live.values())


def _applications(product: Product) -> list[Json]:
    cluster = Cluster.from_kubeconfig(product.state / "kubeconfig")
    return list(cluster.list(APPLICATION, "argocd"))
