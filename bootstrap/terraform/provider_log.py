"""What the AWS provider keeps to itself: it tries again for up to an hour and only says "Still creating".

Its debug log tells, with every request whole: session tokens too. So the log goes into memory that has no
name, never to a disk, and only what is looked for is taken out of it. No pipe: Terraform outlives us, and
would stop in the middle of an apply where nobody reads.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

MOST = 8 * 2**20  # bytes after which what has been read is dropped
_CARRY = 4096  # what is looked for may lie across two looks


@dataclass
class ProviderLog:
    """`environment` and `descriptor` are for the Terraform that is to write it."""

    descriptor: int
    _offset: int = 0
    _carry: str = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """The provider logs requests only when the level for all is DEBUG; Terraform's own part is off."""
        return {"TF_LOG": "DEBUG", "TF_LOG_CORE": "OFF", "TF_LOG_PATH": f"/dev/fd/{self.descriptor}"}

    def news(self) -> str:
        """What was written since the last look, in whole lines."""
        data = os.pread(self.descriptor, MOST, self._offset)
        self._offset += len(data)
        if self._offset >= MOST:
            # Terraform appends: what it writes between our read and this is lost, and it repeats itself.
            os.ftruncate(self.descriptor, 0)
            self._offset = 0
        whole, _, self._carry = (self._carry + data.decode("utf-8", "replace")).rpartition("\n")
        self._carry = self._carry[-_CARRY:]
        return whole


@contextmanager
def provider_log() -> Iterator[ProviderLog]:
    """A log that is gone with its last reader and writer."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("terraform-provider-log")
        try:
            yield ProviderLog(descriptor)
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryFile() as file:  # has no name either
            yield ProviderLog(file.fileno())
