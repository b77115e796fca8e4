"""Reads, validates and finds stand-in definitions. The package's docstring describes the format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from yaml import YAMLError

from bootstrap.core.errors import ConfigError, Problem
from bootstrap.core.rendering import UNKNOWN
from bootstrap.kubernetes.documents import documents


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    """Either a chart's name or the end of a file's URL."""

    chart: str | None = None
    url_suffix: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Match:
        if (self.chart is None) == (self.url_suffix is None):
            raise ValueError("give exactly one of chart and url_suffix")
        return self


class Crd(_Strict):
    group: str
    kind: str
    plural: str
    versions: tuple[str, ...] = Field(min_length=1)
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    short_names: tuple[str, ...] = ()


class Port(_Strict):
    """Of a container or a service; `target` defaults to `port`."""

    port: int
    name: str | None = None
    target: int | str | None = None
    protocol: str = "TCP"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"port": value} if isinstance(value, int) else value


class Container(_Strict):
    image: str
    name: str = "main"
    ports: tuple[Port, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = Field(default_factory=dict)


class Right(_Strict):
    """A permission of a workload, cluster-wide."""

    group: str
    resources: tuple[str, ...] = Field(min_length=1)


class StandInWorkload(_Strict):
    """`values`: dotted path of its settings in the chart's values; the first workload's are at the top."""

    name: str = "{{fullname}}"
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Job"] = "Deployment"
    containers: tuple[Container, ...] = Field(min_length=1)
    replicas: int = Field(default=1, ge=0)
    service_account: str | None = None
    rights: tuple[Right, ...] = ()
    env_from_secret: str | tuple[str, ...] = ()
    namespace: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    values: str | None = None


class Service(_Strict):
    name: str
    ports: tuple[Port, ...] = Field(min_length=1)
    selector_of: str
    type: str = "ClusterIP"
    headless: bool = False
    namespace: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)


class Account(_Strict):
    """`values`: as for a workload; `serviceAccount` below it names, annotates or disables the account."""

    name: str
    namespace: str | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)
    values: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Definition(_Strict):
    match: Match
    crds: tuple[Crd, ...] = ()
    service_accounts: tuple[Account, ...] = ()
    workloads: tuple[StandInWorkload, ...] = ()
    services: tuple[Service, ...] = ()
    extra: str = ""

    @model_validator(mode="after")
    def _selectors(self) -> Definition:
        names = {workload.name for workload in self.workloads}
        for service in self.services:
            if service.selector_of not in names:
                raise ValueError(f"service {service.name}: there is no workload {service.selector_of!r}")
        return self


@dataclass(frozen=True)
class Definitions:
    """All definitions: charts by name, files by the end of their URL, CRDs by `<group>_<plural>`."""

    charts: Mapping[str, Definition] = field(default_factory=dict)
    files: Mapping[str, Definition] = field(default_factory=dict)
    crds: Mapping[str, Crd] = field(default_factory=dict)

    def chart(self, name: str) -> Definition:
        """The chart's definition; a Deployment with a ServiceAccount if there is none."""
        return self.charts.get(name) or generic(name)

    def file(self, url: str) -> Definition | None:
        """The definition with the longest matching suffix, else the CRD that the file is named after."""
        suffix = max((suffix for suffix in self.files if url.endswith(suffix)), key=len, default=None)
        if suffix is not None:
            return self.files[suffix]
        crd = self.crds.get(url.rpartition("/")[2].rpartition(".")[0])
        return Definition(match=Match(url_suffix=url), crds=(crd,)) if crd else None


def generic(chart: str) -> Definition:
    """A definition for an unknown chart: what nearly every chart has."""
    container = Container(name=chart[:63], image=f"stand-in.invalid/{chart}:{{{{version}}}}")
    workload = StandInWorkload(containers=(container,), service_account="{{fullname}}", labels=UNKNOWN)
    account = Account(name="{{fullname}}", labels=UNKNOWN)
    return Definition(match=Match(chart=chart), workloads=(workload,), service_accounts=(account,))


def load(folder: Path) -> Definitions:
    """Read all definitions below `folder`. Raises ConfigError with all problems."""
    problems: list[Problem] = []
    found: list[Definition] = []
    for file in sorted(folder.rglob("*.yaml")):
        try:
            found += [Definition.model_validate(value) for value in documents(file.read_bytes())]
        except (YAMLError, ValidationError) as error:
            problems.append(Problem(str(file), str(error)))
    if problems:
        raise ConfigError("stand-in definitions cannot be read", problems)
    return index(found)


def index(definitions: Iterable[Definition]) -> Definitions:
    charts: dict[str, Definition] = {}
    files: dict[str, Definition] = {}
    crds: dict[str, Crd] = {}
    for definition in definitions:
        crds.update({f"{crd.group}_{crd.plural}": crd for crd in definition.crds})
        if definition.match.chart:
            charts[definition.match.chart] = definition
        elif definition.match.url_suffix:
            files[definition.match.url_suffix] = definition
    return Definitions(charts, files, crds)
