"""What a program that reads somebody else's files may do, held by the Linux kernel: Landlock and seccomp.

Both bind the thread that asks for them and whatever it starts, for good. So each program is started by a
thread of its own, and the rest of this process stays free. Landlock needs Linux 5.13 (6.2 to guard
`truncate`, too) and no privileges. Where it is missing, as on macOS or in some containers, programs run
without this second fence: `CONFINED` tells.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import AnyStr

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_MAKE = sum(1 << bit for bit in range(4, 13))  # make and remove entries of every kind
_REFER = 1 << 13  # move files between folders
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # the rest is for folders only
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_DEVICES = (Path("/dev/null"),)
_LOADERS = tuple(map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/etc/ld.so.cache")))

# By machine: the kernel's name of the architecture, and the number of its system call `socket`.
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING, _FOREIGN_CALLS = 425, 0x40000000  # the first can open sockets, too; the second are those of x32
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES


@dataclass(frozen=True)
class Confinement:
    """Files, and folders with all below them, that a program may write, read and execute; None sets no bound.
    What is not there is left out. `sockets`: whether it may open any."""

    write: tuple[Path, ...] | None = None
    read: tuple[Path, ...] | None = None
    execute: tuple[Path, ...] | None = None
    sockets: bool = True

    @property
    def bounds_files(self) -> bool:
        return (self.write, self.read, self.execute) != (None, None, None)


FREE = Confinement()


def alone(*programs: Path) -> tuple[Path, ...] | None:
    """What is executed and read to run these programs and no others; None where one is a script, which runs
    whatever it likes."""
    return (*programs, *_LOADERS) if all(map(_is_binary, programs)) else None


def _is_binary(program: Path) -> bool:
    try:
        with program.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction)))


def _landlock() -> int:
    """The version of Landlock's interface, 0 without it."""
    if sys.platform != "linux":
        return 0
    version: int = _library().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    return max(version, 0)


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


_LANDLOCK = _landlock()
CONFINED = _LANDLOCK > 0  # whether the kernel holds what a Confinement says of files


def start(
    confinement: Confinement, launch: Callable[[], subprocess.Popen[AnyStr]]
) -> subprocess.Popen[AnyStr]:
    """What `launch` starts, confined. Raises what it raises, and OSError when the kernel refuses."""

    def confined() -> subprocess.Popen[AnyStr]:
        _confine(confinement)
        return launch()

    if confinement == FREE:
        return launch()
    with ThreadPoolExecutor(max_workers=1) as own:
        return own.submit(confined).result()


def _confine(wanted: Confinement) -> None:
    """Bind this thread. Raises OSError."""
    if sys.platform != "linux":
        return
    library = _library()
    _check(library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    if _LANDLOCK and wanted.bounds_files:
        _restrict(library, wanted)
    if not wanted.sockets and platform.machine() in _SOCKET:
        _filter(library, *_SOCKET[platform.machine()])


def _restrict(library: ctypes.CDLL, wanted: Confinement) -> None:
    writing = _WRITE_FILE | _MAKE | (_REFER if _LANDLOCK > 1 else 0) | (_TRUNCATE if _LANDLOCK > 2 else 0)
    bounds = [
        (wanted.write, writing),
        (wanted.read, _READ_FILE | _READ_DIR),
        (wanted.execute, _EXECUTE),
    ]
    handled = sum(rights for paths, rights in bounds if paths is not None)
    ruleset = _Ruleset(handled)
    call = library.syscall
    rules = _check(call(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0))
    try:
        for paths, rights in bounds:
            _allow(library, rules, paths or (), rights & handled)
        _allow(library, rules, _DEVICES, handled & (_WRITE_FILE | _READ_FILE))
        _check(call(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _allow(library: ctypes.CDLL, rules: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # what is not there needs no permission
        try:
            rule = _Beneath(rights if path.is_dir() else rights & _OF_FILES, place)
            if rule.allowed:
                _check(library.syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0))
        finally:
            os.close(place)


def _filter(library: ctypes.CDLL, architecture: int, socket: int) -> None:
    """`socket` fails with EACCES, and so does each system call in the form of another architecture."""
    lines = (
        _Instruction(_LOAD, 0, 0, 4),
        _Instruction(_EQUAL, 0, 5, architecture),
        _Instruction(_LOAD, 0, 0, 0),
        _Instruction(_AT_LEAST, 3, 0, _FOREIGN_CALLS),
        _Instruction(_EQUAL, 2, 0, socket),
        _Instruction(_EQUAL, 1, 0, _IO_URING),
        _Instruction(_RETURN, 0, 0, _ALLOW),
        _Instruction(_RETURN, 0, 0, _REFUSE),
    )
    program = _Program(len(lines), (_Instruction * len(lines))(*lines))
    library.prctl(
        _SECCOMP, _FILTER, ctypes.byref(program), 0, 0
    )  # a kernel without it has none of this fence


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
