"""Write docs/limits.md from the table of limits: .venv/bin/python .ci/limits_page.py"""

from __future__ import annotations

from pathlib import Path

from bootstrap.core.limits import TABLE

PAGE = Path(__file__).parents[1] / "docs/limits.md"

HEAD = """\
# Limits

What others wrote is read up to these limits: repositories, configuration, records in AWS, saved files.
They lie far above what occurs in practice. Past one, `bootstrap` names it; it never goes on with a part.

A file is never waited for: a pipe in the place of a file is refused. Patterns of Argo CD are matched in a
time that grows with the text alone; where a custom resource takes a regular expression, only a plain one is
read, and any other is taken to match. A record with a field of another type counts as none.

`make fuzz` feeds 200,000 odd inputs to every reader, and counts defects (exit code 1) and hangs; the tests do
the same with a few thousand.

| What | At most | Past it |
| --- | --- | --- |
"""


def page() -> str:
    return HEAD + "".join(f"| {each.what} | {each.most} | {each.past} |\n" for each in TABLE)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
