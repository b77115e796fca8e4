"""The environment variables that Terraform gets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

# Each would change a command behind our back: other arguments, another workspace, another data folder.
_DROPPED = ("TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR", "TF_INPUT")
_OURS = {
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    # No question to the vendor's version server.
    "CHECKPOINT_DISABLE": "1",
}


def terraform_environment(
    user: Mapping[str, str],
    target: Mapping[str, str],
    profile: str | None,
    exists: Callable[[str], bool] = lambda path: Path(path).is_file(),
) -> dict[str, str]:
    """The user's, without what would change the meaning of our commands; ours; the target's, which win."""
    kept = {name: value for name, value in user.items() if not name.startswith(_DROPPED)}
    if (settings := kept.get("TF_CLI_CONFIG_FILE")) and not exists(settings):
        del kept["TF_CLI_CONFIG_FILE"]
    chosen = {"AWS_PROFILE": profile} if profile else {}
    return {**kept, **_OURS, **chosen, **target}
