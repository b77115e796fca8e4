"""What has to be known of a chart before it is rendered, from its archive or its folder."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from bootstrap.core.limits import CHART_BYTES, CHART_FILES
from bootstrap.gitops.problems import Wrong
from bootstrap.kubernetes.documents import documents

CAPABILITIES = b".Capabilities.APIVersions"


@dataclass(frozen=True)
class ChartArchive:
    """A chart's .tgz."""

    content: bytes

    @cached_property
    def files(self) -> dict[str, bytes]:
        """By path below the chart's folder. Raises Wrong for what is no archive, or unpacks to too much."""
        try:
            with gzip.open(io.BytesIO(self.content)) as unpacked:
                plain = unpacked.read(CHART_BYTES + 1)
            _require(len(plain) <= CHART_BYTES, f"more than {CHART_BYTES >> 20} MiB")
            return _members(plain)
        except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
            raise Wrong(f"the chart's archive is broken: {error}", "package the chart anew") from error

    @property
    def version(self) -> str:
        """Raises Wrong as `files`, and for a Chart.yaml that is none."""
        try:
            chart: Any = next(documents(self.files.get("Chart.yaml", b"")), {})
            return str(chart.get("version") or "")
        except (yaml.YAMLError, AttributeError) as error:
            raise Wrong("the archive's Chart.yaml is broken", "package the chart anew") from error

    @property
    def asks_for_kinds(self) -> bool:
        """Whether a template looks at which kinds the cluster has."""
        return any(CAPABILITIES in content for path, content in self.files.items() if "templates/" in path)


def _members(plain: bytes) -> dict[str, bytes]:
    """The files of a tar archive. Raises Wrong, tarfile.TarError, ValueError."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for number, member in enumerate(tar):
            _require(number < CHART_FILES, f"more than {CHART_FILES:,} files")
            if member.isreg() and not member.issparse() and (stream := tar.extractfile(member)):
                found[member.name.partition("/")[2]] = stream.read()
    return found


def _require(bounded: bool, what: str) -> None:
    if not bounded:
        raise Wrong(f"the chart's archive unpacks to {what}", "leave out what the chart does not need")
