"""Prove the order of sync waves offline: needs between rendered objects become a graph, and rules judge it.

graph/       Tree (of gitops) → Graph: which object needs which
rules/       Tree, Graph → Findings; one module a family, one text a rule in rules/texts/
suppress.py  Findings → those that no comment suppresses
report/      Findings → text, JSON, SARIF, JUnit
fix.py       Tree, Graph → edits that renumber waves; merge.py: waves that could be merged
draw/        Graph → Mermaid, SVG
"""
