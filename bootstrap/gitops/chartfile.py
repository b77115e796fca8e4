"""What has to be known of a chart before it is rendered, from its archive or its folder."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootstrap.kubernetes.documents import documents

CAPABILITIES = b".Capabilities.APIVersions"


@dataclass(frozen=True)
class ChartArchive:
    """A chart's .tgz."""

    content: bytes

    @cached_property
    def files(self) -> dict[str, bytes]:
        """By path below the chart's folder."""
        found: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(self.content), mode="r:gz") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    found[member.name.partition("/")[2]] = stream.read()
        return found

    @property
    def version(self) -> str:
        chart: Any = next(documents(self.files.get("Chart.yaml", b"")), {})
        return str(chart.get("version") or "")

    @property
    def asks_for_kinds(self) -> bool:
        """Whether a template looks at which kinds the cluster has."""
        return any(CAPABILITIES in content for path, content in self.files.items() if "templates/" in path)
