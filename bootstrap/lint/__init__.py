"""The order of sync waves proven offline: a tree is rendered, its needs become a graph, rules judge it.

tree/     Git → Tree: Applications found, generated and rendered by the real helm and kustomize
graph/    Tree → Graph: which object needs which
rules/    Tree, Graph → Findings; one module a family, all listed in rules/__init__.py
report/   Findings → text, JSON, SARIF, JUnit; graph → Mermaid, SVG
fix.py    Tree, Graph → edits that renumber waves
"""
