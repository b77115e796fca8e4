"""The report for people: lines of styled text, wrapped to a width. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.text import Text

from bootstrap.core.text import duration, one_line, plural, table
from bootstrap.gitops.model import Unchecked
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report import Report
from bootstrap.lint.rules.rule import Rule

ENDLESS = 1_000_000  # columns: no wrapping where the output is not a terminal
NARROWEST = 40  # columns below which wrapping does not help
FEW = 3  # of a kind that are shown in full

_STYLES = {Severity.ERROR: "red bold", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def render(report: Report, width: int = ENDLESS, *, verbose: bool = False) -> list[Text]:
    """Findings by file, what was not checked, what was suppressed, advice, and the summary last."""
    width = max(width, NARROWEST)
    sections = [
        *_findings(report, width, verbose),
        _not_checked(report.unchecked, width, verbose),
        _suppressed(report, width, verbose),
        _section("not fetched, replaced by stand-ins", _listed(report.stand_ins), width),
        _section("advice", report.advice, width),
        _summary(report, width),
    ]
    lines: list[Text] = []
    for section in filter(None, sections):
        lines += [*([Text()] if lines else []), *section]
    return lines


def explain(rule: Rule) -> list[Text]:
    """One rule: what it means, why it fails in practice, an example that fails and one that passes."""
    told = rule.text
    lines = [
        Text.assemble((rule.id, "bold"), "  ", (told.severity, _STYLES[told.severity])),
        *_indented(told.summary, "  "),
    ]
    for paragraph in told.paragraphs:
        lines += [Text(), *_indented(paragraph, "  ")]
    for title, example in (("fails", told.failing), ("passes", told.passing)):
        if example:
            lines += [Text(), Text(f"  {title}:", style="bold"), *_indented(example, "    ")]
    return lines


def _indented(text: str, indent: str) -> list[Text]:
    return [Text(f"{indent}{line}".rstrip()) for line in text.splitlines()]


def catalogue(rules: Iterable[Rule]) -> list[Text]:
    """All rules, a line each."""
    return [Text(line) for line in table((rule.id, rule.severity, rule.text.summary) for rule in rules)]


def _findings(report: Report, width: int, verbose: bool) -> Iterator[list[Text]]:
    """All that fails; of what only warns, the first few of each rule."""
    told: Counter[str] = Counter()
    for finding in report.sorted:
        told[finding.rule] += not report.fails(finding)
        if verbose or report.fails(finding) or told[finding.rule] <= FEW:
            yield _finding(finding, width)
    left = [f"{count - FEW} more of {rule}" for rule, count in sorted(told.items()) if count > FEW]
    if left and not verbose:
        yield _wrapped(f"{', '.join(left)}: --verbose lists them", width, "")


def _finding(finding: Finding, width: int) -> list[Text]:
    head = Text.assemble(
        (str(finding.where), "bold"),
        "  ",
        (finding.severity, _STYLES[finding.severity]),
        "  ",
        (finding.rule, "dim"),
    )
    lines = [head, *_wrapped(finding.subject, width, "  ")]
    if finding.other:
        lines += _wrapped(f"↔ {finding.other}", width, "  ")
    lines += _wrapped(f"why: {one_line(finding.why)}", width, "    ")
    if finding.cure:
        lines += _wrapped(f"cure: {one_line(finding.cure)}", width, "    ", "green")
    return lines


def _not_checked(unchecked: Sequence[Unchecked], width: int, verbose: bool) -> list[Text]:
    """Many that have one reason are told as one."""
    if not unchecked:
        return []
    lines = [Text("not checked:", style="bold")]
    alike: dict[tuple[str, str], list[Unchecked]] = {}
    for one in sorted(unchecked, key=lambda one: (one.where, one.what)):
        alike.setdefault((one.why, one.cure), []).append(one)
    for (why, cure), several in alike.items():
        shown = several if verbose or len(several) <= FEW + 1 else several[:FEW]
        left = len(several) - len(shown)
        lines += [
            line
            for one in shown[:-1]
            for line in _wrapped(f"{one.where}  {one.what};", width, "  ", "yellow")
        ]
        more = f"; and {left} more (--verbose lists them)" if left else ""
        lines += _wrapped(
            f"{shown[-1].where}  {shown[-1].what}{more}: {one_line(why)}", width, "  ", "yellow"
        )
        if cure:
            lines += _wrapped(f"cure: {one_line(cure)}", width, "      ", "green")
    return lines


def _suppressed(report: Report, width: int, verbose: bool) -> list[Text]:
    """Short always, so that nothing is silently fine; each with its objects when asked."""
    lines: list[str] = []
    for one in sorted(report.suppressed, key=lambda one: (one.finding.where, one.finding.rule)):
        finding = one.finding
        objects = f", {finding.subject}{f' ↔ {finding.other}' if finding.other else ''}" if verbose else ""
        lines.append(f"{finding.where}  {finding.rule}{objects}: {one_line(one.reason)}")
    return _section("suppressed, with reasons", lines, width)


def _section(title: str, lines: Sequence[str], width: int) -> list[Text]:
    wrapped = [part for line in lines for part in _wrapped(line, width, "  ")]
    return [Text(f"{title}:", style="bold"), *wrapped] if wrapped else []


def _listed(names: Sequence[str]) -> Sequence[str]:
    return (", ".join(names),) if names else ()


def _summary(report: Report, width: int) -> list[Text]:
    mark, style = ("✓", "green bold") if report.ok else ("✗", "red bold")
    first, *rest = _wrapped(f"{mark} {'; '.join(_facts(report))}", width, "", hanging="  ")
    first.stylize(style, 0, 1)
    return [first, *rest]


def _facts(report: Report) -> Iterator[str]:
    seen = (
        plural(report.applications, "Application"),
        f"in {plural(report.waves, 'wave')}",
    )
    yield f"{' '.join(seen)}, {plural(report.objects, 'object')}"
    counts = (
        plural(report.count(Severity.ERROR), "error"),
        plural(report.count(Severity.WARNING), "warning"),
    )
    advice = report.count(Severity.INFO)
    yield ", ".join([*counts, *([f"{advice} of advice"] if advice else [])])
    extra = [
        f"{len(found)} {what}"
        for found, what in ((report.unchecked, "not checked"), (report.suppressed, "suppressed"))
        if found
    ]
    if extra:
        yield ", ".join(extra)
    if report.stand_ins:
        yield plural(len(report.stand_ins), "stand-in")
    yield duration(report.seconds)


def _wrapped(text: str, width: int, indent: str, style: str = "", hanging: str = "") -> list[Text]:
    """Hanging by two more columns than its first line."""
    after = hanging or indent + "  "
    parts = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=after,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Text(part, style=style) for part in parts]
