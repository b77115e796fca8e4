"""The components that should run: one private file each, written by who wants it, read by the supervisor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootstrap.core.files import write_private_if_changed
from bootstrap.local.components.component import Component


class Desired:
    """Declarative: `want` and `forget` change files, the supervisor makes it so. Each name has one writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def want(self, component: Component) -> bool:
        """Whether that changed anything."""
        return write_private_if_changed(self._file(component.name), component.dump())

    def forget(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def get(self, name: str) -> Component | None:
        try:
            return Component.parse(self._file(name).read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def all(self) -> Mapping[str, Component]:
        """A file that cannot be read counts as absent."""
        names = sorted(file.stem for file in self._folder.glob("*.json"))
        found = ((name, self.get(name)) for name in names)
        return {name: component for name, component in found if component is not None}

    def stamp(self) -> int:
        """Changes whenever a file is added, replaced or removed."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"
