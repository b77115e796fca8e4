"""`python -m bootstrap.local.upstream --config FILE`: run the proxy until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from bootstrap.local.pki.authority import Authority, write_bundle
from bootstrap.local.upstream.client import HttpClient
from bootstrap.local.upstream.config import Config
from bootstrap.local.upstream.proxy import ProxyServer
from bootstrap.local.upstream.services import UpstreamRouter


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bootstrap.local.upstream", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON file (see config.py)")
    config = Config.parse(parser.parse_args().config.read_text())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config.state.mkdir(parents=True, exist_ok=True)
    authority = Authority.open(config.state)
    write_bundle(config.bundle, authority)
    client = HttpClient(str(config.bundle), offline=config.offline)
    router = UpstreamRouter(config, client)
    with ProxyServer(config.port, config.password, authority, router, client) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        logging.getLogger(__name__).info("listening on %s", config.url)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
