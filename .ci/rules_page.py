"""Write docs/rules.md from the rules' texts: .venv/bin/python .ci/rules_page.py"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bootstrap.lint import suppress
from bootstrap.lint.rules import FAMILIES, Rule

PAGE = Path(__file__).parents[1] / "docs/rules.md"
TEXTS = "../bootstrap/lint/rules/texts"


HEAD = """\
# Lint rules

`bootstrap lint` checks these rules. Each links to what it means, why it fails in practice, how to cure it,
and an example that fails and one that passes; `bootstrap lint --explain RULE` prints the same text.

An `error` makes the command fail, a `warning` only with `--strict`; `info` is advice. To suppress a finding,
put a comment with the reason above the line, or at its end:

```yaml
# bootstrap-lint: ignore RULE -- the reason
```
"""


def page() -> str:
    families = {title: family.RULES for title, family in FAMILIES.items()} | {"Suppressions": suppress.RULES}
    return HEAD + "".join(_section(title, rules) for title, rules in families.items())


def _section(title: str, rules: Iterable[Rule]) -> str:
    return f"\n## {title}\n\n| Rule | Severity | Finds |\n| --- | --- | --- |\n" + "".join(_rows(rules))


def _rows(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        yield f"| [{rule.id}]({TEXTS}/{rule.id}.md) | {rule.severity} | {rule.text.summary} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
