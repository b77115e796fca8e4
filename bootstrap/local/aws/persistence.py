"""Saves moto's whole state in one file, so that a restart loses nothing.

Terraform's state is in moto as well (S3), so both are of the same moment: Terraform's provider breaks if its
state survives the resources.

The file is a line of JSON with the versions that wrote it, followed by a pickle. It takes dill, because
moto's objects contain lambdas.
"""

from __future__ import annotations

import io
import json
import platform
import threading
from collections import defaultdict
from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import dill
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from bootstrap.core.errors import ToolError
from bootstrap.core.files import write_private

_REENTRANT = type(threading.RLock())

State = dict[str, Any]  # moto module → account → region → backend


def made_by() -> dict[str, str]:
    """The versions that can read a dump: it contains their objects."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "moto": version("moto"),
        "dill": version("dill"),
    }


def dump() -> bytes:
    """Serialise all of moto's backends. The caller must prevent changes meanwhile."""
    content = io.BytesIO()
    content.write(json.dumps(made_by()).encode() + b"\n")
    _Pickler(content, protocol=5).dump(dict(_backends()))
    return content.getvalue()


def save(content: bytes, file: Path) -> None:
    """Replace `file` as a whole. It contains private keys and secrets: mode 0600."""
    for left in file.parent.glob(f".{file.name}.*"):  # by a crash: nobody else writes here
        left.unlink()
    write_private(file, content, durable=True)


def restore(file: Path) -> None:
    """Restore what `save` wrote. Raises ToolError if these versions cannot read it."""
    with file.open("rb") as content:
        _check(content.readline(), file)
        try:
            state: State = _Unpickler(content).load()
        except Exception as error:  # a damaged pickle can raise anything
            raise ToolError(f"cannot read {file}", f"{type(error).__name__}: {error}", _cure(file)) from error
    for module, accounts in state.items():
        _put_back(module, accounts)


def _check(line: bytes, file: Path) -> None:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ToolError(
            f"cannot read {file}", "it does not say which versions wrote it", _cure(file)
        ) from error
    if found != made_by():
        why = f"{file} was written by {_text(found)}; this is {_text(made_by())}"
        raise ToolError("cannot restore the local AWS", why, _cure(file))


def _text(versions: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in dict(versions).items())


def _cure(file: Path) -> str:
    return f"install those versions and run `bootstrap down`, or discard the local environment: rm {file}"


def _backends() -> Iterator[tuple[str, State]]:
    from moto.core.base_backend import BackendDict  # noqa: PLC0415 - moto reads its settings when imported

    used: list[BackendDict[Any]] = BackendDict._instances  # type: ignore[misc]
    for backends in used:
        module = backends.backend.__module__.split(".")[1]
        yield module, {account: dict(regions) for account, regions in backends.items()}


def _put_back(module: str, accounts: State) -> None:
    from moto.backends import get_backend  # noqa: PLC0415 - as above

    backends: Any = get_backend(module)  # type: ignore[call-overload]
    for account, regions in accounts.items():
        for region, backend in regions.items():
            backends[account][region] = backend
            if module == "s3":  # an index that S3 keeps beside its backends
                backends.bucket_accounts.update((name, (region, account)) for name in backend.buckets)


class _Pickler(dill.Pickler):  # type: ignore[misc]
    """Omits AWS's managed policies, which nobody can change: 24 of 25 MB, and most of the time."""

    def persistent_id(self, value: Any) -> tuple[str, str, str] | None:
        from moto.iam.models import AWSManagedPolicy  # noqa: PLC0415 - as above

        # An attached policy counts its attachments, so it is saved.
        if isinstance(value, AWSManagedPolicy) and not value.attachment_count:
            return value.account_id, value.partition, value.arn
        return None

    def reducer_override(self, value: Any) -> Any:
        # KMS and ACM keep objects of `cryptography`, which cannot be pickled.
        if isinstance(value, get_args(PrivateKeyTypes)):
            return _private_key, (_der(value),)
        if isinstance(value, _REENTRANT):
            return threading.RLock, ()  # dill would bring it back locked, by nobody
        if isinstance(value, Generator):
            return iter, ((),)  # a listing of the tagging API that was not read to its end
        if isinstance(value, x509.Certificate):
            return _certificate, (value.public_bytes(serialization.Encoding.DER),)
        if isinstance(value, defaultdict) and type(value) is not defaultdict:
            # Pickle would call the subclass with the factory alone, which SSM's does not take.
            made = type(value), value.default_factory
            return _default_dict, made, vars(value), None, iter(value.items())
        return NotImplemented


class _Unpickler(dill.Unpickler):  # type: ignore[misc]
    def persistent_load(self, key: tuple[str, str, str]) -> Any:
        from moto.iam.models import iam_backends  # noqa: PLC0415 - as above

        account, partition, arn = key
        return iam_backends[account][partition].managed_policies[arn]


def _der(key: Any) -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    content: bytes = key.private_bytes(encoding, form, serialization.NoEncryption())
    return content


def _private_key(content: bytes) -> Any:
    return serialization.load_der_private_key(content, None)


def _certificate(content: bytes) -> Any:
    return x509.load_der_x509_certificate(content)


def _default_dict(kind: type[defaultdict[Any, Any]], factory: Any) -> Any:
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made
