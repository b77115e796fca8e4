"""Processes of the local platform as data. The functions here start nothing; `supervisor/` does."""

from bootstrap.local.components.component import Component, Probe

__all__ = ["Component", "Probe"]
