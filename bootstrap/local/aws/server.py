"""The local AWS as a process: `python -m bootstrap.local.aws --port P --state FOLDER --credentials FILE`.

SIGTERM and SIGINT stop it after a last dump. It listens only once everything is restored.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from importlib import resources
from pathlib import Path
from typing import Any

from bootstrap.core.errors import PreflightError, Problem
from bootstrap.local.aws import patches
from bootstrap.local.state.credentials import Credentials

STATE_FILE = "aws.state"
ADDRESS = "127.0.0.1"

_log = logging.getLogger(__name__)


def settings() -> dict[str, str]:
    """moto's environment, which it reads while it is imported."""
    return {
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",  # users attach them by name
        "MOTO_ACM_VALIDATION_WAIT": "0",  # seconds until a certificate is issued
        "MOTO_AMIS_PATH": str(resources.files("bootstrap.local.aws").joinpath("images.json")),
        # So that moto's own boto3 reads no file or key of the user and needs no region.
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def serve(port: int, folder: Path, credentials: Credentials) -> None:
    """Serve whoever has the access key, until told to stop.

    Raises PreflightError when the port is busy and ToolError for a state it cannot read.
    """
    os.environ.update(settings())
    os.environ.pop("AWS_PROFILE", None)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / STATE_FILE

    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - it reads the environment set above
        DomainDispatcherApplication,
        create_backend_app,
    )

    from bootstrap.local.aws import persistence  # noqa: PLC0415 - as above
    from bootstrap.local.aws.application import Application  # noqa: PLC0415 - as above
    from bootstrap.local.aws.changes import Autosave  # noqa: PLC0415 - as above
    from bootstrap.local.aws.guard import Guard  # noqa: PLC0415 - as above

    patches.apply()
    if file.exists():
        persistence.restore(file)
    application = Application(DomainDispatcherApplication(create_backend_app), Guard(credentials.access_key))

    def dump() -> None:
        with application.lock:
            content = persistence.dump()
        persistence.save(content, file)

    server = _listen(port, application)
    autosave = Autosave(application.state, dump)
    writer = threading.Thread(target=autosave.run, name="autosave")
    writer.start()
    _stop_on_signal(server)
    _log.info("AWS at http://%s:%d", ADDRESS, port)
    server.serve_forever()
    autosave.stop()
    writer.join()
    autosave.write()
    server.server_close()


def _listen(port: int, application: Any) -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415 - as above
    from werkzeug.serving import make_server  # noqa: PLC0415 - as above

    class Handler(MotoRequestHandler):
        """Logs no requests."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    try:
        server = make_server(ADDRESS, port, application, threaded=True, request_handler=Handler)
    except (OSError, SystemExit) as error:  # werkzeug exits when the port is taken
        problem = Problem(f"port {port}", "is in use", "stop the program that listens there")
        raise PreflightError("the local AWS cannot start", [problem]) from error
    return server


def _stop_on_signal(server: Any) -> None:
    def stop(_signal: int, _frame: object) -> None:
        # serve_forever runs in this thread: shutdown, which waits for it, must be called from another.
        threading.Thread(target=server.shutdown, name="stop").start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
