"""What AWS refuses and the provider tries again and again without a word. Pure.

Its SDK does so up to 25 times with delays that double (in version 2 by chance: anything up to that). A lack
of room in EC2 may pass, expired credentials may be refreshed. Each is told when it is first heard; what lasts
ends the run: a lack of room does so `patience` seconds after the first refusal when it is refused again, and
without a word after `LATEST` seconds, as long as EC2 has not said meanwhile that a machine was made there.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from bootstrap.aws.errors import CURE_CREDENTIALS
from bootstrap.core.errors import BootstrapError, ToolError
from bootstrap.terraform.shortage import Shortage, Spot

PATIENCE = 30.0  # seconds
LATEST = 110.0  # seconds from the first refusal to the verdict, where patience is not longer
_NO_ROOM = "InsufficientInstanceCapacity"
_EXPIRED = "expired"

# In XML, as EC2 answers; provider 6 logs the body as one quoted text.
_SHORT = re.compile(
    r"<Code>(Insufficient(?:Instance|Host|ReservedInstance)Capacity)</Code>(?:\s|\\n)*<Message>([^<]*)</Message>"
)
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
_WHERE = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([a-z0-9-]+)\)")
# A machine was made: of which type is told before where, as EC2 answers, and moto.
_MADE = re.compile(
    r"<RunInstancesResponse(?:(?!</?RunInstancesResponse).)*?<instanceType>([^<]+)</instanceType>"
    r"(?:(?!</?RunInstancesResponse).)*?<availabilityZone>([^<]+)</availabilityZone>",
    re.DOTALL,
)
_ANSWER, _LONGEST = "<RunInstancesResponse", 65536
# As a code in XML and in JSON.
_OUT_OF_DATE = re.compile(
    r"""(?:<Code>|__type\\?"\s*:\s*\\?"(?:[\w.]+\#)?)(ExpiredToken(?:Exception)?|RequestExpired)\b"""
)


@dataclass
class _Chain:
    """Refusals one after the other. `gap`: the longest time between two of them."""

    first: float
    last: float
    gap: float = 0.0


@dataclass
class Refusals:
    """Hears the provider's log. `patience`: seconds until a refusal is taken to last."""

    patience: float = PATIENCE
    message: str = ""
    _chains: dict[Spot | str, _Chain] = field(default_factory=dict)
    _lasting: set[Spot | str] = field(default_factory=set)
    _begun: str = ""

    def hear(self, text: str, now: float) -> tuple[str, ...]:
        """What is refused and was not before, for people; `now` is monotonic seconds.

        To be called every now and then, also when there is nothing new.
        """
        new = []
        whole, fresh = self._begun + text, len(self._begun)
        answers = [*_SHORT.finditer(whole, fresh), *_MADE.finditer(whole)] if text else []
        answers.sort(key=lambda found: found.start())
        for answer in answers:
            if answer.re is _MADE:
                self._chains.pop(Spot(answer[1], answer[2]), None)
                continue
            self.message = html.unescape(answer[2]).strip() or answer[1]
            where = _WHERE.search(self.message)
            spot = Spot(where[1], where[2]) if where else Spot("", "")
            if self._refused(spot, now):
                new.append(f"EC2 has no capacity for {spot if where else 'a machine'}, it is asked again")
        for answer in _OUT_OF_DATE.finditer(text):
            self.message = answer[1]
            if self._refused(_EXPIRED, now):
                new.append("the AWS credentials have expired, it is tried again")
        self._begun = _unfinished(whole)
        self._judge(now)
        return tuple(new)

    @property
    def hopeless(self) -> bool:
        """Whether to go on waiting makes no sense."""
        return bool(self._lasting)

    def verdict(self, error: str) -> BootstrapError | None:
        """The real reason why Terraform ended with this error, where it is one of ours."""
        if _EXPIRED in self._lasting:
            return ToolError("the AWS credentials have expired", self.message, CURE_CREDENTIALS)
        known = self._lasting or (self._chains.keys() if _NO_ROOM in error else ())
        spots = frozenset(spot for spot in known if isinstance(spot, Spot))
        return Shortage(spots, self.message) if spots else None

    def _refused(self, what: Spot | str, now: float) -> bool:
        """Whether it is the first time."""
        chain = self._chains.get(what)
        if chain is None or (_is_silent(what) and now - chain.last > max(10.0, 3 * chain.gap)):
            # What was refused before has gone well meanwhile. If it has not, the next one is as late as this.
            self._chains[what] = _Chain(now, now, now - chain.last if chain else 0.0)
            return chain is None
        chain.gap, chain.last = max(chain.gap, now - chain.last), now
        if now - chain.first >= self.patience:
            self._lasting.add(what)
        return False

    def _judge(self, now: float) -> None:
        """The next refusal may be minutes away."""
        for what, chain in self._chains.items():
            if not _is_silent(what) and now - chain.first >= max(self.patience, LATEST):
                self._lasting.add(what)


def _is_silent(what: Spot | str) -> bool:
    """Whether nothing would tell that it goes well again, so that only a long silence does."""
    return not isinstance(what, Spot) or not what.zone


def _unfinished(text: str) -> str:
    """The beginning of an answer whose rest has not been written yet."""
    begun = text.rfind(_ANSWER)
    return (
        text[begun:] if begun >= 0 and not _MADE.match(text, begun) and len(text) - begun < _LONGEST else ""
    )
