"""Those of the simulated AWS that tests start themselves; each platform makes its own."""

from __future__ import annotations

from bootstrap.local.state.credentials import Credentials

LOCAL = Credentials("local", "local", "local")
