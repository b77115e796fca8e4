"""Readers of a run's events: live view, plain lines, JSON lines; all pure except the last write."""
