"""Comments of the user that silence a finding, each with its reason. Pure.

    # bootstrap-lint: ignore RULE[, RULE] -- reason        above or behind what it is about
    # bootstrap-lint: ignore-file RULE[, RULE] -- reason   in the file's first comment

A comment of the first form is about the line it stands behind, else the next line, with all that is indented
below it; above a document's first line that is the whole document. Findings about a document as a whole are
placed at its first line; they are silenced from anywhere inside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from bootstrap.gitops.model import Location
from bootstrap.lint.model import Finding, Suppressed
from bootstrap.lint.rules.rule import Rule

_COMMENT = re.compile(r"#\s*bootstrap-lint:\s*(?P<words>.*)$")
_ORDER = re.compile(
    r"(?P<scope>ignore|ignore-file)\s+(?P<rules>[a-z-]+(?:\s*,\s*[a-z-]+)*)\s*(?:--\s*(?P<reason>.*))?"
)

UNREADABLE = Rule("suppression-unreadable")
UNREASONED = Rule("suppression-without-reason")
UNKNOWN = Rule("suppression-unknown-rule")
UNUSED = Rule("suppression-unused")

RULES = (UNREADABLE, UNREASONED, UNKNOWN, UNUSED)


@dataclass(frozen=True)
class Comment:
    """One comment, the lines it is about (first and last, both included) and its document's first line."""

    where: Location
    rules: tuple[str, ...]
    reason: str
    lines: tuple[int, int]
    document: int
    whole_file: bool = False

    def silences(self, finding: Finding) -> bool:
        if finding.where.file != self.where.file or finding.rule not in self.rules:
            return False
        line = finding.where.line
        return self.whole_file or self.lines[0] <= line <= self.lines[1] or line == self.document


@dataclass(frozen=True)
class FilteredFindings:
    """`kept` holds the findings that are left, with those about the comments themselves."""

    kept: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]


def apply(findings: Iterable[Finding], files: Mapping[str, str], known: Collection[str]) -> FilteredFindings:
    """Take out what comments silence. `files` is Tree.files, `known` the ids of all rules there are."""
    comments: list[Comment] = []
    wrong: list[Finding] = []
    for file, text in files.items():
        if "bootstrap-lint:" in text:
            for one in _comments(file, text, {*known, *(rule.id for rule in RULES)}):
                (comments if isinstance(one, Comment) else wrong).append(one)  # type: ignore[arg-type]
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    used: set[tuple[Comment, str]] = set()
    for finding in findings:
        by = [one for one in comments if one.silences(finding)]
        used |= {(one, finding.rule) for one in by}
        if by:
            suppressed.append(Suppressed(finding, by[0].reason))
        else:
            kept.append(finding)
    wrong += [_unused(one, rule) for one in comments for rule in one.rules if (one, rule) not in used]
    order = sorted([*kept, *wrong], key=lambda one: (one.where, one.rule, one.subject, one.other))
    return FilteredFindings(tuple(order), tuple(suppressed))


def _comments(file: str, text: str, known: Collection[str]) -> Iterator[Comment | Finding]:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line)
        if found is None:
            continue
        where, said = Location(file, number), found["words"].rstrip()
        order = _ORDER.fullmatch(said)
        whole = order is not None and order["scope"] == "ignore-file"
        if order is None or (whole and not _in_head(lines, number)):
            problem = "ignore-file works only at the top of the file" if whole else "it cannot be parsed"
            yield _about(UNREADABLE, where, problem, "write: # bootstrap-lint: ignore RULE -- reason")
            continue
        if not (order["reason"] or "").strip():
            yield _about(
                UNREASONED, where, "it suppresses nothing without a reason", "give the reason after --"
            )
            continue
        rules = [rule.strip() for rule in order["rules"].split(",")]
        for rule in rules:
            if rule not in known:
                yield _about(UNKNOWN, where, f"there is no rule {rule}", "correct the name of the rule")
        real = tuple(rule for rule in rules if rule in known)
        if real:
            first, last = _extent(lines, number)
            yield Comment(where, real, order["reason"].strip(), (first, last), _document(lines, first), whole)


def _in_head(lines: list[str], number: int) -> bool:
    return all(not line.strip() or line.lstrip().startswith(("#", "---")) for line in lines[: number - 1])


def _extent(lines: list[str], number: int) -> tuple[int, int]:
    """The lines that a comment is about."""
    own = lines[number - 1]
    start = number if not own.lstrip().startswith("#") else _next(lines, number)
    if start > len(lines):
        return number, number
    if _begins_document(lines, start):
        return start, _end(lines, start)
    return start, _block(lines, start)


def _next(lines: list[str], number: int) -> int:
    """The first line below that is neither empty, nor a comment, nor a separator."""
    for at in range(number, len(lines)):
        text = lines[at].strip()
        if text and not text.startswith(("#", "---")):
            return at + 1
    return len(lines) + 1


def _begins_document(lines: list[str], number: int) -> bool:
    for line in reversed(lines[: number - 1]):
        if line.startswith("---"):
            return True
        if line.strip() and not line.lstrip().startswith("#"):
            return False
    return True


def _end(lines: list[str], number: int) -> int:
    for at in range(number, len(lines)):
        if lines[at].startswith("---"):
            return at
    return len(lines)


def _block(lines: list[str], number: int) -> int:
    """The last line indented more than that one (a list below its key may stand at the same depth)."""
    depth, last = _depth(lines[number - 1]), number
    for at in range(number, len(lines)):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line.startswith("---") or _depth(line) <= depth:
            break
        last = at + 1
    return last


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _document(lines: list[str], number: int) -> int:
    """The first line of content of the document that a line is in: where findings about it are placed."""
    for at in range(number - 1, 0, -1):
        if lines[at - 1].startswith("---"):
            return _next(lines, at)
    return _next(lines, 0)


def _about(rule: Rule, where: Location, why: str, cure: str) -> Finding:
    return Finding(rule.id, rule.severity, where, f"comment {where}", "", why, cure)


def _unused(comment: Comment, rule: str) -> Finding:
    return _about(
        UNUSED,
        comment.where,
        f"{rule} finds nothing here",
        "remove the comment, or move it to the finding",
    )
