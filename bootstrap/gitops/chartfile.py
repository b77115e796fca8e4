"""What has to be known of a chart before it is rendered, from its archive or its folder."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootstrap.gitops.problems import Wrong
from bootstrap.kubernetes.documents import documents

LARGEST = 100 << 20  # bytes of a chart, unpacked: Helm's own limit
CAPABILITIES = b".Capabilities.APIVersions"


@dataclass(frozen=True)
class ChartArchive:
    """A chart's .tgz."""

    content: bytes

    @cached_property
    def files(self) -> dict[str, bytes]:
        """By path below the chart's folder. Raises Wrong when it is none, or unpacks to too much."""
        try:
            return dict(_unpacked(self.content))
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise Wrong(f"the chart's archive is damaged: {error}", "publish the chart again") from error

    @property
    def version(self) -> str:
        chart: Any = next(documents(self.files.get("Chart.yaml", b"")), {})
        return str(chart.get("version") or "")

    @property
    def asks_for_kinds(self) -> bool:
        """Whether a template looks at which kinds the cluster has."""
        return any(CAPABILITIES in content for path, content in self.files.items() if "templates/" in path)


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Unpacked as a whole first, as a header may be of any size, too."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        plain = packed.read(LARGEST + 1)
    if len(plain) > LARGEST:
        raise Wrong(f"the chart unpacks to more than {LARGEST >> 20} MiB", "remove what is no part of it")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for member in tar:
            # The size of a file with holes says nothing of what is there.
            stream = tar.extractfile(member) if member.isfile() and not member.issparse() else None
            if stream is not None:
                yield member.name.partition("/")[2], stream.read()
