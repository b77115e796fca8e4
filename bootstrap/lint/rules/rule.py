"""A rule and its text: texts/<id>.md, read when it is first needed.

The file is Markdown: `severity` and `summary` as front matter, then the explanation, and the sections Cure,
Sources (a list), Fails and Passes (YAML).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from bootstrap.lint.model import Severity

TEXTS = Path(__file__).with_name("texts")

_FILE = re.compile(r"---\n(?P<head>.*?)\n---\n+(?P<body>.*)", re.DOTALL)
_SECTION = re.compile(r"^## (\w+)\n", re.MULTILINE)
_FENCE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class RuleText:
    """`explanation` says what the rule means and why it fails in practice, `sources` where that is written;
    `failing` and `passing` are YAML. `markdown` is everything below the front matter."""

    severity: Severity
    summary: str
    explanation: str = ""
    cure: str = ""
    sources: tuple[str, ...] = ()
    failing: str = ""
    passing: str = ""
    markdown: str = ""

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Everything but the examples, as plain text."""
        cure = f"Cure: {self.cure}" if self.cure else ""
        return tuple(filter(None, (self.explanation, cure, "\n".join(self._sources))))

    @property
    def _sources(self) -> Iterator[str]:
        return (f"Source: {source}" for source in self.sources)


def parse(text: str) -> RuleText:
    """Pure. Raises ValueError for a file without front matter, or with a severity that does not exist."""
    found = _FILE.fullmatch(text)
    if found is None:
        raise ValueError("a rule's text begins with front matter: severity and summary between two lines ---")
    head = dict(line.split(": ", 1) for line in found["head"].splitlines())
    explanation, *parts = _SECTION.split(found["body"])
    sections = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    return RuleText(
        severity=Severity(head["severity"]),
        summary=head["summary"],
        explanation=explanation.strip(),
        cure=sections.get("Cure", ""),
        sources=tuple(line.removeprefix("- ") for line in sections.get("Sources", "").splitlines()),
        failing=_example(sections.get("Fails", "")),
        passing=_example(sections.get("Passes", "")),
        markdown=found["body"].strip(),
    )


def _example(section: str) -> str:
    found = _FENCE.search(section)
    return found[1] if found else ""


@cache
def read(rule: str) -> RuleText:
    """The text of the rule with that id. Raises OSError where there is no such file."""
    return parse((TEXTS / f"{rule}.md").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Rule:
    """`id` is kebab-case and stable."""

    id: str
    load: Callable[[str], RuleText] = field(default=read, repr=False, compare=False)

    @cached_property
    def text(self) -> RuleText:
        return self.load(self.id)

    @property
    def severity(self) -> Severity:
        return self.text.severity
