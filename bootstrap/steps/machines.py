"""What machines say of themselves: a marker in SSM that user data writes, else EC2's console.

Neither is a verdict: a node is there when the cluster says so. They tell why one is not. The marker of an
earlier instance of the same name is not believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.core.errors import BootstrapError
from bootstrap.core.foreign import parse_json
from bootstrap.core.limits import RECORD_BYTES
from bootstrap.run.context import Context
from bootstrap.steps.terraform import Outputs

REST = 15.0  # seconds between two looks at the markers
CONSOLE = "bootstrap-node: "  # begins the lines that user data writes there
LINES = 8  # of a console
LOG, KUBELET = "sudo tail -n 100 /var/log/bootstrap-node.log", "sudo journalctl -u kubelet"


@dataclass(frozen=True)
class Marker:
    """How far a machine got, and since when (RFC 3339). `lines` are the last ones of its log from when it
    failed last, `during` the phase in which it did; both are empty where nothing has failed."""

    phase: str
    time: str
    during: str = ""
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line: with the last line of the log where something failed."""
        if not self.lines:
            return f"{self.phase} since {self.time}" if self.time else self.phase
        return f"{self.history}: {self.lines[-1]}"

    @property
    def history(self) -> str:
        """In words, without the log."""
        while_ = f" while {self.during}" if self.during else ""
        if not self.lines or self.phase == "failed":
            return f"{self.phase}{while_}"
        return f"{self.phase}, having failed{while_}"


def parse(text: str, instance: str) -> Marker | None:
    """None for what another instance wrote, or nobody knows who. Pure."""
    try:
        data = parse_json(text, RECORD_BYTES)
    except ValueError:
        return None
    if not instance or not isinstance(data, dict) or data.get("instance") != instance:
        return None
    first, *rest = str(data.get("message") or "").splitlines() or [""]
    during = first.removeprefix("while ").removesuffix(":") if first.startswith("while ") else ""
    lines = rest if during else [first, *rest]
    kept = tuple(line.strip() for line in lines if line.strip())
    return Marker(str(data.get("phase") or "?"), str(data.get("time") or ""), during, kept)


class Machines:
    """The machines of the stack, by node name."""

    def __init__(self, context: Context) -> None:
        instances: Mapping[str, Any] = context.results.get(Outputs).values.get("instances") or {}
        self._context = context
        self._ssm = Api(context.target.client("ssm"))
        self._ids = {node: str(fact["provider_id"]).rpartition("/")[2] for node, fact in instances.items()}
        self._known: dict[str, Marker] = {}
        self._looked: float | None = None

    def look(self, nodes: Iterable[str], *, now: bool = False) -> Mapping[str, Marker]:
        """The markers of those nodes that have any. Without `now`, SSM is asked each REST seconds at most.

        What it does not tell is not known: that is nothing to fail by.
        """
        wanted, time = list(nodes), self._context.clock.monotonic()
        if wanted and (now or self._looked is None or time - self._looked >= REST):
            self._looked = time
            self._ask(wanted)
        return {node: self._known[node] for node in wanted if node in self._known}

    def _ask(self, nodes: list[str]) -> None:
        paths = {f"{self._context.config.ssm_prefix}/nodes/{node}/status": node for node in nodes}
        try:
            found = ssm.read(self._ssm, paths)
        except BootstrapError:
            return
        for path, node in paths.items():
            marker = parse(found.get(path, ""), self._ids.get(node, ""))
            if marker is None:
                self._known.pop(node, None)
            else:
                self._known[node] = marker

    def explain(self, node: str) -> str:
        """What its machine says, as far as it was looked at: a clause, the last log lines below it."""
        machine, marker = f"its machine {self._ids.get(node, '')}".rstrip(), self._known.get(node)
        if marker is None:
            lines = self._console(node)
            return _block(f"{machine} has reported nothing{', its console says:' if lines else ''}", lines)
        if marker.lines:
            return _block(f"{machine}: {marker.history} ({marker.time}):", marker.lines)
        return f"{machine}: {marker}"

    def cure(self, node: str) -> str:
        """The command that shows more, for a machine that has not become a node."""
        commands, marker = self._context.target.shown.machine, self._known.get(node)
        config = self._context.config
        holes = {"instance": self._ids.get(node, ""), "region": config.region, "environment": config.name}
        if marker is None:
            return commands.console.format(**holes)
        return commands.shell.format(**holes, then=KUBELET if marker.phase == "ready" else LOG)

    def _console(self, node: str) -> list[str]:
        """What user data wrote to the console of a machine that cannot write to SSM."""
        try:
            ec2 = Api(self._context.target.client("ec2"))
            told = ec2.call("get_console_output", InstanceId=self._ids[node], Latest=True)
        except (BootstrapError, KeyError):
            return []
        lines = str(told.get("Output") or "").splitlines()
        ours = [line.partition(CONSOLE)[2].strip() for line in lines if CONSOLE in line]
        return ours[-LINES:]


def _block(clause: str, lines: Iterable[str]) -> str:
    return "\n      ".join([clause, *lines])
