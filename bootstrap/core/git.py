"""Runs git, without the configuration of a repository that runs programs or changes something."""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from bootstrap.core.child import Children, Ended, Limits, Overrun, environment, outside
from bootstrap.core.confine import FREE, Confinement, alone
from bootstrap.core.errors import ToolError
from bootstrap.core.worktree import work_tree

_LIMITS = Limits(seconds=60.0, memory=2 << 30, file=2 << 30, output=1 << 30)
_NOTHING = os.devnull
# What a repository's own configuration may name, and git would run: `-c` wins over every file.
_OVERRIDES = {
    "core.fsmonitor": "false",
    "core.hooksPath": _NOTHING,
    "core.sshCommand": "false",
    "core.gitProxy": "false",
    "core.askPass": "false",
    "core.pager": "cat",
    "core.attributesFile": _NOTHING,
    "core.alternateRefsCommand": "false",
    "credential.helper": "",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    # File watchers and shared indexes would write into the user's repository.
    "core.splitIndex": "false",
    "core.untrackedCache": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
# The environment of a git that serves or reads a repository here.
READING = {
    **environment(Path(_NOTHING)),
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": _NOTHING,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_PLAIN = frozenset({"config", "ls-files", "rev-parse"})  # look at no file's content, so that no filter runs
# By which something may be fetched: of the others, `ext` runs commands and `file` reads the machine.
PROTOCOLS = "http:https:ssh:git"


class Git:
    """git in one folder, of a work tree or a bare repository. Calls return the output without its last line
    end. `write` are the folders that git may write to. Raises ToolError.
    """

    def __init__(self, folder: Path, place: Mapping[str, str], write: tuple[Path, ...] = ()) -> None:
        self._folder, self._place, self._write = folder, place, write

    @classmethod
    def work_tree(cls, folder: Path) -> Git:
        """In a folder of a work tree, only to read. The repository is named, not searched for: then neither
        its owner nor its `core.worktree` matters."""
        root = work_tree(folder)
        return cls(folder, {"GIT_DIR": str(root / ".git"), "GIT_WORK_TREE": str(root)} if root else {})

    @classmethod
    def bare(cls, repository: Path) -> Git:
        """In a bare repository of ours, which may be written."""
        return cls(repository, {"GIT_DIR": str(repository)}, (repository,))

    def with_environment(self, extra: Mapping[str, str], write: tuple[Path, ...] = ()) -> Git:
        """With more variables, and more folders that may be written."""
        return Git(self._folder, {**self._place, **extra}, (*self._write, *write))

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> str:
        return self.raw(*arguments, stdin=stdin).decode(errors="surrogateescape").removesuffix("\n")

    def raw(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        result = self._run(arguments, stdin)
        if result.code:
            raise ToolError(f"git {arguments[0]} failed in {self._folder}", result.words)
        return result.output

    def succeeds(self, *arguments: str) -> bool:
        return self._run(arguments).code == 0

    def find(self, *arguments: str) -> str:
        """As a call, but nothing when git finds nothing."""
        return self._run(arguments).output.decode(errors="surrogateescape")

    def _run(self, arguments: tuple[str, ...], stdin: bytes | None = None) -> Ended:
        overrides = {**_OVERRIDES, "core.excludesFile": _excludes()}
        if "GIT_WORK_TREE" in self._place and arguments[0] not in _PLAIN:
            overrides |= self._without_filters()
        given = [word for name, value in overrides.items() for word in ("-c", f"{name}={value}")]
        confinement = Confinement(write=self._write, execute=alone(_program()), sockets=False)
        environ = {**READING, **self._place, "GIT_CEILING_DIRECTORIES": str(self._folder.parent)}
        return _git([*given, *arguments], environ, self._folder, stdin, confinement=confinement)

    def _without_filters(self) -> dict[str, str]:
        """Filters have any name, so they are asked for, and switched off one by one."""
        found = self.find("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        drivers = {key.rpartition(".")[0] for key in found.split("\0") if key}
        if strange := sorted(one for one in drivers if "=" in one):
            why = f"its configuration has a filter of the name {strange[0]}"
            raise ToolError(
                f"git cannot be used in {self._folder}", why, "remove the filter from .git/config"
            )
        nothing = {"clean": "", "smudge": "", "process": "", "required": "false"}
        return {f"{one}.{key}": value for one in drivers for key, value in nothing.items()}


def ls_remote(url: str, *patterns: str, checkout: Path, seconds: float) -> str:
    """What `git ls-remote` says of a repository elsewhere, asked with the user's own credentials. Of the
    checkout's configuration only the headers for servers count, by which CI logs in. Raises ToolError."""
    plain, login = _without_login(url)
    headers = [*_headers(checkout), *([(f"http.{plain}.extraHeader", login)] if login else [])]
    environ = {**environment(Path(_NOTHING)), **outside(), **nested(), **_settings(headers)}
    ended = _git(["ls-remote", "--", plain, *patterns], environ, Path("/"), seconds=seconds)
    if ended.code:
        raise ToolError("git ls-remote failed", ended.words)
    return ended.output.decode(errors="replace")


def _without_login(url: str) -> tuple[str, str]:
    """The URL, and the header that says what stands in it before the host; a user alone may stay there, as a
    helper may know the password."""
    scheme, mark, rest = url.partition("://")
    login, at, _ = rest.partition("/")[0].rpartition("@")
    user, colon, password = login.partition(":")
    if not (at and colon) or scheme not in {"http", "https"}:
        return url, ""
    words = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return f"{scheme}{mark}{rest[len(login) + 1 :]}", f"Authorization: Basic {words}"


def _headers(checkout: Path) -> list[tuple[str, str]]:
    listing = Git.work_tree(checkout).find("config", "--null", "--get-regexp", r"^http\..*\.extraheader$")
    return [(key, value) for key, mark, value in (one.partition("\n") for one in listing.split("\0")) if mark]


def _settings(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """As variables, after those of the user: arguments could be read by everybody on the machine."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or "0")
    found = {"GIT_CONFIG_COUNT": str(first + len(given))}
    for number, (key, value) in enumerate(given, first):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def tracked(path: Path) -> bool:
    """Whether a file or folder, or anything below it, came with Git, in whatever case. Raises ToolError."""
    if work_tree(path.parent) is None:
        return False
    return bool(Git.work_tree(path.parent)("ls-files", "-z", "--", f":(icase,literal){path.name}"))


def nested() -> dict[str, str]:
    """What binds a git that fetches something, also one that another program runs."""
    return {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": PROTOCOLS}


def _git(
    words: list[str],
    environ: Mapping[str, str],
    folder: Path,
    stdin: bytes | None = None,
    *,
    confinement: Confinement = FREE,
    seconds: float = _LIMITS.seconds,
) -> Ended:
    limits = replace(_LIMITS, seconds=seconds)
    try:
        return Children().run(
            [str(_program()), *words],
            environ,
            folder,
            stdin=stdin or b"",
            limits=limits,
            confinement=confinement,
        )
    except Overrun as error:
        raise ToolError(
            f"git {words[-1]} did not end", str(error), "check the disk and the network"
        ) from error
    except OSError as error:
        raise ToolError("git cannot be run", str(error), "install git and put it on PATH") from error


@cache
def _excludes() -> str:
    """The user's own list of files to ignore, the one thing that is taken from the user's configuration."""
    home = Path(os.environ.get("HOME", _NOTHING))
    environ = {
        **environment(home),
        **{name: os.environ[name] for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL") if name in os.environ},
    }
    words = ["config", "--global", "--type=path", "--get", "core.excludesFile"]
    confinement = Confinement(write=(), execute=alone(_program()), sockets=False)
    named = _git(words, environ, Path("/"), confinement=confinement)
    default = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "ignore"
    return named.output.decode(errors="surrogateescape").strip() or str(default)


@cache
def _program() -> Path:
    found = shutil.which("git")
    if found is None:
        raise ToolError("git was not found", "it is not on PATH", "install git and put it on PATH")
    return Path(found).resolve()
