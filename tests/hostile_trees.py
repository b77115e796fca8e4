"""Trees by which somebody who may change a repository would break out of what reads it. `OUT` and `SECRET` in
a file stand for a folder and a file outside the tree."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONFIG = """
project: test
environments:
  local:
    target: local
    gitops: {checkout: ., repo_url: "https://git.example.com/team/platform.git", path: apps, install: argocd}
"""
CHART = "apiVersion: v2\nname: ch\nversion: 1.0.0\n"
CM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n"
RAN = "#!/bin/sh\n(id; env) > OUT/ran\ncat\n"


@dataclass(frozen=True)
class Hostile:
    """`rendered`: whether the Application is expected to be rendered, harmlessly. `unchecked`: whether it is
    not checked rather than wrong. `commands` are run in the tree, as an attacker with the disk would."""

    files: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    options: str = ""
    source: Mapping[str, object] = field(default_factory=dict)
    commands: tuple[tuple[str, ...], ...] = ()
    rendered: bool = False
    unchecked: bool = False

    def make(self, root: Path, outside: Path, secret: Path) -> None:
        path = "ch" if "ch/Chart.yaml" in self.files else "k"
        source = {
            "repoURL": "https://git.example.com/team/platform.git",
            "targetRevision": "main",
            "path": path,
            **self.source,
        }
        app = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "a", "namespace": "argocd"},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
                "source": source,
            },
        }
        settings = f"{CM.replace('name: cm', 'name: argocd-cm')}data:\n  a: b\n"
        settings += f"  kustomize.buildOptions: {json.dumps(self.options)}\n" if self.options else ""
        files = {
            "bootstrap.yaml": CONFIG,
            "apps/a.yaml": json.dumps(app),
            "argocd/kustomization.yaml": "resources: [config.yaml]\n",
            "argocd/config.yaml": settings,
            **self.files,
        }

        def filled(text: str) -> str:
            return text.replace("OUT", str(outside)).replace("SECRET", str(secret))

        for name, text in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(filled(text))
            file.chmod(0o755)
        for name, target in self.links.items():
            (root / name).symlink_to(filled(target))
        git(root, "init", "--quiet")
        git(root, "add", "--all")
        for command in self.commands:
            git(root, *map(filled, command))


def git(root: Path, *words: str) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", str(root), *words], env=environ, check=True, capture_output=True)


def _function(path: str, *arguments: str) -> str:
    function = f"exec:\n  path: {path}\n  args: {json.dumps(arguments)}\n"
    note = {"config.kubernetes.io/function": function}
    return json.dumps({"apiVersion": "x/v1", "kind": "Evil", "metadata": {"name": "e", "annotations": note}})


def _chart(**more: str) -> dict[str, str]:
    return {
        "ch/Chart.yaml": CHART,
        "ch/templates/x.yaml": CM,
        **{k.replace("__", "/"): v for k, v in more.items()},
    }


def _helm(**options: object) -> dict[str, object]:
    return {"helm": options}


def _depends(name: str, repository: str = "file://../dep") -> str:
    return f"{CHART}dependencies: [{{name: {name!r}, version: 1.0.0, repository: '{repository}'}}]\n"


def _inflated(**entry: object) -> dict[str, str]:
    """A chart that lies in the tree, inflated by kustomize."""
    return {
        "k/kustomization.yaml": json.dumps({"helmCharts": [{"name": "ch", **entry}]}),
        "k/charts/ch/Chart.yaml": CHART,
        "k/charts/ch/templates/x.yaml": f'{CM}data: {{a: "{{{{ .Release.Name }}}}"}}\n',
        "k/run.sh": RAN,
    }


PLAIN = {"k/kustomization.yaml": "resources: [cm.yaml]\n", "k/cm.yaml": CM, "k/run.sh": RAN}
PLUGIN = {
    "k/kustomization.yaml": "generators: [gen.yaml]\nresources: [cm.yaml]\n",
    "k/cm.yaml": CM,
    "k/gen.yaml": _function("/bin/sh", "-c", "id > OUT/ran"),
}
READS = {"k/kustomization.yaml": "configMapGenerator: [{name: x, files: [SECRET]}]\n"}
_ALL = "--enable-alpha-plugins --enable-exec"

TREES = {
    "exec plug-in": Hostile(PLUGIN, options=_ALL, unchecked=True),
    "exec plug-in of the tree": Hostile(
        {**PLUGIN, "k/gen.yaml": _function("./run.sh"), "k/run.sh": RAN}, options=_ALL, unchecked=True
    ),
    "output file": Hostile(PLAIN, options="--output OUT/written", unchecked=True),
    "output file, short": Hostile(PLAIN, options="-o OUT/written", unchecked=True),
    "output file, joined": Hostile(PLAIN, options="-oOUT/written", unchecked=True),
    "helm command": Hostile(_inflated(), options="--enable-helm --helm-command k/run.sh", unchecked=True),
    "unbalanced quote": Hostile(PLAIN, options="--enable-helm 'x"),
    "plug-ins allowed and none there": Hostile(PLAIN, options=_ALL, rendered=True),
    "post-renderer as release": Hostile(
        _inflated(releaseName="--post-renderer=OUT/../tree/k/run.sh"), options="--enable-helm"
    ),
    "chart named as option": Hostile(
        {
            **_inflated(),
            "k/kustomization.yaml": 'helmCharts: [{name: "--debug", repo: "https://x.invalid"}]\n',
        },
        options="--enable-helm",
        unchecked=True,
    ),
    "name template": Hostile(
        _inflated(nameTemplate='{{ env "CANARY" | lower }}'), options="--enable-helm", unchecked=True
    ),
    "escaped name template": Hostile(
        {
            **_inflated(),
            "k/kustomization.yaml": '{"helm\\u0043harts": [{"name": "ch", "nameTempl\\u0061te": "x"}]}',
        },
        options="--enable-helm",
        unchecked=True,
    ),
    "values of the machine": Hostile(
        _inflated(additionalValuesFiles=["SECRET"]), options="--enable-helm", unchecked=True
    ),
    "files of the machine": Hostile(READS, options="--load-restrictor LoadRestrictionsNone"),
    "files of the machine, upwards": Hostile(
        {"k/kustomization.yaml": f"configMapGenerator: [{{name: x, files: ['{'../' * 20}SECRET']}}]\n"},
        options="--load-restrictor LoadRestrictionsNone",
    ),
    "dependency out of the tree": Hostile(
        {**_chart(dep__Chart="")}
        | {"ch/Chart.yaml": _depends("../../../../../../../../OUT/written"), "dep/Chart.yaml": CHART}
    ),
    "dependency in a cycle": Hostile(
        {
            **_chart(),
            "ch/Chart.yaml": _depends("dep"),
            "dep/Chart.yaml": _depends("ch", "file://../ch").replace("name: ch\n", "name: dep\n"),
        }
    ),
    "dependency of itself": Hostile({**_chart(), "ch/Chart.yaml": _depends("ch", "file://.")}),
    "dependencies without end": Hostile(
        {
            "ch/Chart.yaml": _depends("c0", "file://../c0"),
            **{
                f"c{n}/Chart.yaml": f"apiVersion: v2\nname: c{n}\nversion: 1.0.0\ndependencies:\n"
                + "".join(
                    f"- {{name: x{m}, version: 1.0.0, repository: 'file://../c{n + 1}'}}\n" for m in range(4)
                )
                for n in range(12)
            },
            "c12/Chart.yaml": CHART,
        }
    ),
    "release as template": Hostile(_chart(), source=_helm(releaseName='{{ env "CANARY" | lower }}')),
    "release that asks DNS": Hostile(
        _chart(), source=_helm(releaseName='{{ getHostByName "x.example.com" }}')
    ),
    "release as option": Hostile(_chart(), source=_helm(releaseName="--post-renderer=OUT/ran")),
    "parameter that reads": Hostile(
        {**_chart(), "ch/templates/x.yaml": f'{CM}data: {{a: "{{{{ .Values.x }}}}"}}\n'},
        source=_helm(parameters=[{"name": "x=SECRET,y", "value": "z"}]),
        unchecked=True,
    ),
    "parameter that fetches": Hostile(
        _chart(),
        source=_helm(parameters=[{"name": "x=https://x.example.com/a,y", "value": "z"}]),
        unchecked=True,
    ),
    "value file that links out": Hostile(
        _chart(), links={"ch/v.yaml": "SECRET"}, source=_helm(valueFiles=["v.yaml"])
    ),
    "template that links out": Hostile(_chart(), links={"ch/templates/y.yaml": "SECRET"}, rendered=True),
    "file that links out": Hostile(
        {**_chart(), "ch/templates/x.yaml": f'{CM}data: {{a: {{{{ .Files.Get "s" | quote }}}}}}\n'},
        links={"ch/s": "SECRET"},
        rendered=True,
    ),
    "folder that links out": Hostile(
        {**_chart(), "ch/templates/x.yaml": f'{CM}data: {{a: {{{{ .Files.Get "d/secret" | quote }}}}}}\n'},
        links={"ch/d": "SECRET/.."},
        rendered=True,
    ),
    "link to what Git ignores": Hostile(
        {
            **_chart(),
            ".gitignore": ".env\n",
            ".env": "canary-file",
            "ch/templates/x.yaml": f'{CM}data: {{a: {{{{ .Files.Get "s" | quote }}}}}}\n',
        },
        links={"ch/s": "../.env"},
        rendered=True,
    ),
    "link to Git's own": Hostile(
        {**_chart(), "ch/templates/x.yaml": f'{CM}data: {{a: {{{{ .Files.Get "s" | quote }}}}}}\n'},
        links={"ch/s": "../.git/config"},
        commands=(("config", "http.extraheader", "canary-file"),),
        rendered=True,
    ),
    "resource that links out": Hostile(
        {"k/kustomization.yaml": "resources: [s.yaml]\n"}, links={"k/s.yaml": "SECRET"}
    ),
    "folders that link in circles": Hostile(
        {**_chart(), **{f"d{n}/a": "" for n in range(6)}},
        links={f"d{n}/l{m}": f"../d{m}" for n in range(6) for m in range(6) if n != m} | {"ch/l": "../d0"},
        rendered=True,
    ),
    "image as option": Hostile(PLAIN, source={"kustomize": {"images": ["--help"]}}),
    "label as option": Hostile(PLAIN, source={"kustomize": {"commonLabels": {"--help": "x"}}}, rendered=True),
    "component from elsewhere": Hostile(
        PLAIN, source={"kustomize": {"components": ["https://x.example.com/a"]}}, unchecked=True
    ),
    "patch from elsewhere": Hostile(
        {**PLAIN, "k/kustomization.yaml": "resources: [cm.yaml]\ncomponents: ['ext::sh -c id']\n"}
    ),
    "list without end": Hostile(
        {**_chart(), "ch/templates/x.yaml": "{{ range until 1000000000 }}a{{ end }}\n"}, unchecked=True
    ),
    "text without end": Hostile(
        {**_chart(), "ch/templates/x.yaml": '{{ repeat 2000000000 "aaaaaaaaaa" }}\n'}, unchecked=True
    ),
    "file watcher": Hostile(
        PLAIN, commands=(("config", "core.fsmonitor", "OUT/../tree/k/run.sh"),), rendered=True
    ),
    "file watcher, included": Hostile(
        {**PLAIN, "more": "[core]\n\tfsmonitor = OUT/../tree/k/run.sh\n"},
        commands=(("config", "include.path", "OUT/../tree/more"),),
        rendered=True,
    ),
    "hooks": Hostile(
        {**PLAIN, "hooks/post-index-change": RAN},
        commands=(("config", "core.hooksPath", "hooks"),),
        rendered=True,
    ),
    "work tree elsewhere": Hostile(PLAIN, commands=(("config", "core.worktree", "/"),), rendered=True),
}
