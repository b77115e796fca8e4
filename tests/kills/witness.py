"""`python -m tests.kills.witness down …`: the product, with a look at AWS before its platform is stopped.

The local AWS ends with the platform, so what `down` left there can only be seen in the moment before. The
picture goes to the file that the environment variable names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from unittest.mock import patch

from bootstrap.cli import main
from bootstrap.local.platform import Platform, Progress
from tests.kills import cloud

PICTURE = "BOOTSTRAP_KILLS_PICTURE"
_stop = Platform.stop


def _looked_at(platform: Platform, progress: Progress) -> None:
    if platform.running():
        look = cloud.Look(platform.site.url("aws"), platform.site.region, platform.site.credentials)
        file = Path(os.environ[PICTURE])
        with patch.dict(os.environ):
            os.environ.pop("AWS_PROFILE", None)  # the user's, which we look past
            told = json.dumps(cloud.picture(look))
        file.with_suffix(".new").write_text(told)
        file.with_suffix(".new").replace(file)
    _stop(platform, progress)


if __name__ == "__main__":
    Platform.stop = _looked_at  # type: ignore[method-assign,assignment]
    main()
