from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from bootstrap.core.errors import BootstrapError
from bootstrap.local.state.credentials import Credentials


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bootstrap.local.aws", description="AWS on this machine.")
    parser.add_argument("--port", type=int, required=True, help="port on loopback")
    parser.add_argument(
        "--state", type=Path, required=True, help="folder in which the state survives restarts"
    )
    parser.add_argument("--credentials", type=Path, required=True, help="whom to serve (credentials.py)")
    arguments = parser.parse_args()
    credentials = Credentials.read(arguments.credentials)
    if credentials is None:
        parser.error(f"{arguments.credentials} holds no credentials")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    from bootstrap.local.aws.server import serve  # noqa: PLC0415 - a wrong flag is told before moto is loaded

    try:
        serve(arguments.port, arguments.state, credentials)
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n{error.cure}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
